"""What is known of keys that a server holds, and for how long it may be taken for true.

A second at most: that is how late a rotation, or a change of state, is seen here. What the server itself withdraws it
refuses at once, whatever is remembered here. A key in steady use is read again in the background after half a second,
so that its users never wait for that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from time import monotonic
from typing import Any, Final, Generic, NamedTuple, TypeVar

from hyok.clock import Deadline, deadline_in
from hyok.keymanagers.tasks import OwnTasks, result_by

KeyT = TypeVar("KeyT")
TRUSTED_SECONDS: Final = 1.0
RENEWED_AFTER_SECONDS: Final = 0.5
READING_SECONDS: Final = 5.0
"""For a reading, which serves many requests and is bound to the deadline of none."""
KEYS_REMEMBERED: Final = 10_000

Read = Callable[[str, Deadline], Coroutine[Any, Any, KeyT]]
"""Reads a key by its id. KeyManagerError, KEY_NOT_FOUND among others."""


class _Known(NamedTuple, Generic[KeyT]):
    key: KeyT
    read_at: float
    """`time.monotonic` seconds, before the request left."""


class KnownKeys(Generic[KeyT]):
    """Reads keys, and remembers them for a moment. Belongs to the loop's thread."""

    def __init__(self, read: Read[KeyT], tasks: OwnTasks) -> None:
        self._read_key = read
        self._tasks = tasks
        self._known: dict[str, _Known[KeyT]] = {}
        self._readings: dict[str, asyncio.Task[KeyT]] = {}

    async def find(self, key_id: str, deadline: Deadline) -> KeyT:
        """Return a key as it was a second ago or later. KeyManagerError. Runs outside a task as well."""
        known = self._known.get(key_id)
        age = TRUSTED_SECONDS if known is None else monotonic() - known.read_at
        if known is None or age >= TRUSTED_SECONDS:
            return await result_by(deadline, self._reading(key_id))
        if age >= RENEWED_AFTER_SECONDS:
            self._reading(key_id)
        return known.key

    async def find_anew(self, key_id: str, deadline: Deadline) -> KeyT:
        """Return a key as it is now: what was known, or is just being read, turned out to be wrong."""
        self.forget(key_id)
        return await self.find(key_id, deadline)

    def forget(self, key_id: str) -> None:
        """Read a key again before its next use: what was known, or is just being read, turned out to be wrong."""
        self._known.pop(key_id, None)
        self._readings.pop(key_id, None)

    def _reading(self, key_id: str) -> asyncio.Task[KeyT]:
        reading = self._readings.get(key_id)
        if reading is None:
            reading = self._readings[key_id] = self._tasks.spawn(self._read(key_id))
        return reading

    async def _read(self, key_id: str) -> KeyT:
        read_at = monotonic()
        try:
            key = await self._read_key(key_id, deadline_in(READING_SECONDS))
            if self._readings.get(key_id) is asyncio.current_task():
                self._remember(key_id, _Known(key, read_at))
            return key
        finally:
            if self._readings.get(key_id) is asyncio.current_task():
                del self._readings[key_id]

    def _remember(self, key_id: str, known: _Known[KeyT]) -> None:
        if len(self._known) >= KEYS_REMEMBERED:
            self._known.clear()
        self._known[key_id] = known
