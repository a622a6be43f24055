"""Writes one after another, each to its end, by a memory that is as new as the storage.

Several KMS services may write to one storage. Each decides by its memory, so a write first looks, inside its
transaction and while no other process writes, whether the change log has anything that memory has not. If so nothing is
written: memory takes in what is new, and the write is decided anew. So of two processes that want one name, one gets it
and the other tells its caller what AWS would.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import Connection

from hyok.storage.changes import Change, changes_since, current_position
from hyok.storage.engine import Storage
from hyok.storage.errors import StorageError

T = TypeVar("T")

_ATTEMPTS: Final = 50
"""An attempt is lost only to a write of another process that was made, so that somebody always gets on."""


class Turns:
    """Gives each write its turn: what it decided by the memory still holds when the storage has it.

    A caller who goes away does not stop a write that has begun. The storage would have it and the memory not.
    """

    def __init__(self, storage: Storage, *, position: int) -> None:
        """`position` is up to where the memory that was read has taken in the change log, or before that."""
        self._storage = storage
        self._position = position
        self._memories: list[Callable[[Sequence[Change]], Awaitable[None]]] = []
        self._one_at_a_time = asyncio.Lock()
        self._begun: set[asyncio.Task[Any]] = set()

    @property
    def position(self) -> int:
        """Up to where memory has taken in the change log."""
        return self._position

    def tell(self, memory: Callable[[Sequence[Change]], Awaitable[None]]) -> None:
        """Let one more part of the memory hear of changes that other processes made, after those that do so already."""
        self._memories.append(memory)

    async def take(self, write: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run `write` once all earlier ones are through, and return what it returns. It may run more than once."""
        task = asyncio.get_running_loop().create_task(self._in_turn(write))
        self._begun.add(task)
        task.add_done_callback(self._begun.discard)
        return await asyncio.shield(task)

    async def store(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction, from inside a turn: the last thing of it that can fail. StorageError."""
        result, self._position = await self._storage.run(lambda connection: self._store(connection, work))
        return result

    async def apply(self, changes: Sequence[Change]) -> None:
        """Take changes that a follower found into memory, unless they are there. HyokError if one cannot be read."""
        async with self._one_at_a_time:
            await self._take_in([change for change in changes if change.position > self._position])

    def _store(self, connection: Connection, work: Callable[[Connection], T]) -> tuple[T, int]:
        if current_position(connection) != self._position:
            raise _MemoryBehindError
        return work(connection), current_position(connection)

    async def _in_turn(self, write: Callable[[], Coroutine[Any, Any, T]]) -> T:
        async with self._one_at_a_time:
            for _ in range(_ATTEMPTS):
                try:
                    return await write()
                except _MemoryBehindError:
                    await self._catch_up()
        raise StorageError(f"other processes were faster {_ATTEMPTS} times in a row; the write was not made")

    async def _catch_up(self) -> None:
        while changes := await self._storage.read(lambda connection: changes_since(connection, self._position)):
            await self._take_in(changes)

    async def _take_in(self, changes: Sequence[Change]) -> None:
        if changes:
            for memory in self._memories:
                await memory(changes)
            self._position = changes[-1].position


class _MemoryBehindError(Exception):
    """Another process has written something that memory does not have yet."""
