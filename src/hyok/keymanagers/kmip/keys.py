"""What is known of the keys, and for how long it may be taken for true.

A second at most: that is how late a rotation, or a change of state by hyok, is seen here, as with keys of the other
kinds. What the server itself withdraws it refuses at once, whatever is remembered here. A key in steady use is read
again in the background after half a second, so that its users never wait for that.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Final, NamedTuple

from hyok.clock import Deadline, deadline_in
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.kmip.client import KmipClient
from hyok.keymanagers.kmip.finding import find_key
from hyok.keymanagers.kmip.versions import Key
from hyok.keymanagers.tasks import OwnTasks, result_by

TRUSTED_SECONDS: Final = 1.0
RENEWED_AFTER_SECONDS: Final = 0.5
READING_SECONDS: Final = 5.0
"""For a reading, which serves many requests and is bound to the deadline of none."""
KEYS_REMEMBERED: Final = 10_000


class _Known(NamedTuple):
    key: Key
    read_at: float
    """`time.monotonic` seconds, before the request left."""


class KeyBook:
    """Reads keys, and remembers them for a moment."""

    def __init__(self, client: KmipClient, tasks: OwnTasks) -> None:
        self._client = client
        self._tasks = tasks
        self._known: dict[str, _Known] = {}
        self._readings: dict[str, asyncio.Task[Key]] = {}

    async def find(self, key_id: str, deadline: Deadline) -> Key:
        """Return a key as it was a second ago or later. KeyManagerError. Runs outside a task as well."""
        known = self._known.get(key_id)
        age = TRUSTED_SECONDS if known is None else monotonic() - known.read_at
        if known is None or age >= TRUSTED_SECONDS:
            return await result_by(deadline, self._reading(key_id))
        if age >= RENEWED_AFTER_SECONDS:
            self._reading(key_id)
        return known.key

    async def find_anew(self, key_id: str, deadline: Deadline) -> Key:
        """Return a key as it is now: what was known, or is just being read, turned out to be wrong."""
        self._known.pop(key_id, None)
        self._readings.pop(key_id, None)
        return await self.find(key_id, deadline)

    def _reading(self, key_id: str) -> asyncio.Task[Key]:
        reading = self._readings.get(key_id)
        if reading is None:
            reading = self._readings[key_id] = self._tasks.spawn(self._read(key_id))
        return reading

    async def _read(self, key_id: str) -> Key:
        read_at = monotonic()
        try:
            key = await find_key(self._client, key_id, deadline_in(READING_SECONDS))
            if key is None:
                raise KeyManagerError(KeyManagerFailure.KEY_NOT_FOUND, key_id)
            if self._readings.get(key_id) is asyncio.current_task():
                if len(self._known) >= KEYS_REMEMBERED:
                    self._known.clear()
                self._known[key_id] = _Known(key, read_at)
            return key
        finally:
            if self._readings.get(key_id) is asyncio.current_task():
                del self._readings[key_id]
