"""Writes one after another, each to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Turns:
    """Gives each write its turn: what it decided by the memory still holds when the storage has it.

    A caller who goes away does not stop a write that has begun. The storage would have it and the memory not.
    """

    def __init__(self) -> None:
        self._one_at_a_time = asyncio.Lock()
        self._begun: set[asyncio.Task[Any]] = set()

    async def take(self, write: Coroutine[Any, Any, T]) -> T:
        """Run `write` once all earlier ones are through, and return what it returns."""
        task = asyncio.get_running_loop().create_task(self._in_turn(write))
        self._begun.add(task)
        task.add_done_callback(self._begun.discard)
        return await asyncio.shield(task)

    async def _in_turn(self, write: Coroutine[Any, Any, T]) -> T:
        async with self._one_at_a_time:
            return await write
