"""What is known of the keys, and for how long it may be taken for true.

A second at most: that is how late a rotation, a soft-deletion or a restoration is seen here, as with keys of the other
kinds. The server itself refuses a soft-deleted key at once, whatever is remembered here. A key in steady use is read
again in the background after half a second, so that its users never wait for that.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Final, NamedTuple

from hyok.clock import Deadline, deadline_in
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import KeyDescription, KeyUsage, KeyVersion
from hyok.keymanagers.tasks import OwnTasks, result_by
from hyok.keymanagers.transit.api import TransitApi
from hyok.keymanagers.transit.wire import KeyProperties

KEY_TYPE: Final = "aes256-gcm96"
TRUSTED_SECONDS: Final = 1.0
RENEWED_AFTER_SECONDS: Final = 0.5
READING_SECONDS: Final = 5.0
"""For a reading, which serves many requests and is bound to the deadline of none."""
KEYS_REMEMBERED: Final = 10_000


class KeyKnowledge(NamedTuple):
    """A key as it was when it was read."""

    description: KeyDescription
    active_version: KeyVersion
    why_unsupported: str
    """Empty if it can be used."""
    read_at: float
    """`time.monotonic` seconds, before the request left."""


class KeyBook:
    """Reads keys, and remembers them for a moment."""

    def __init__(self, api: TransitApi, tasks: OwnTasks) -> None:
        self._api = api
        self._tasks = tasks
        self._known: dict[str, KeyKnowledge] = {}
        self._readings: dict[str, asyncio.Task[KeyKnowledge]] = {}

    async def find(self, key_id: str, deadline: Deadline) -> KeyKnowledge:
        """Return what is known of a key. KeyManagerError, KEY_NOT_FOUND among others. Runs outside a task as well."""
        known = self._known.get(key_id)
        age = TRUSTED_SECONDS if known is None else monotonic() - known.read_at
        if known is None or age >= TRUSTED_SECONDS:
            return await result_by(deadline, self._reading(key_id))
        if age >= RENEWED_AFTER_SECONDS:
            self._reading(key_id)
        return known

    async def find_usable(self, key_id: str, deadline: Deadline) -> KeyKnowledge:
        """Return what is known of a key that may be used. UNSUPPORTED or KEY_DISABLED if it may not."""
        known = await self.find(key_id, deadline)
        if known.why_unsupported:
            raise KeyManagerError(KeyManagerFailure.UNSUPPORTED, known.why_unsupported)
        if not known.description.is_enabled:
            raise KeyManagerError(KeyManagerFailure.KEY_DISABLED, f"{key_id} is soft-deleted; restore it to use it")
        return known

    def forget(self, key_id: str) -> None:
        """Read a key again before its next use: what was known, or is just being read, turned out to be wrong."""
        self._known.pop(key_id, None)
        self._readings.pop(key_id, None)

    def _reading(self, key_id: str) -> asyncio.Task[KeyKnowledge]:
        reading = self._readings.get(key_id)
        if reading is None:
            reading = self._readings[key_id] = self._tasks.spawn(self._read(key_id))
        return reading

    async def _read(self, key_id: str) -> KeyKnowledge:
        try:
            read_at = monotonic()
            known = know_key(key_id, await self._api.read_key(key_id, deadline_in(READING_SECONDS)), read_at=read_at)
            if self._readings.get(key_id) is asyncio.current_task():
                self._remember(known)
            return known
        finally:
            if self._readings.get(key_id) is asyncio.current_task():
                del self._readings[key_id]

    def _remember(self, known: KeyKnowledge) -> None:
        if len(self._known) >= KEYS_REMEMBERED:
            self._known.clear()
        self._known[known.active_version.key_id] = known


def know_key(key_id: str, key: KeyProperties, *, read_at: float) -> KeyKnowledge:
    """Understand a key's properties."""
    usages = set()
    if key.supports_encryption:
        usages.add(KeyUsage.ENCRYPT)
    if key.supports_decryption:
        usages.add(KeyUsage.DECRYPT)
    reason = why_unsupported(key)
    description = KeyDescription(
        key_spec=_describe_type(key) if reason else "AES_256", usages=frozenset(usages), is_enabled=not key.soft_deleted
    )
    return KeyKnowledge(description, KeyVersion(key_id, key.latest_version), reason, read_at)


def why_unsupported(key: KeyProperties) -> str:
    """Say why a key cannot be an external key; nothing if it can."""
    if key.type != KEY_TYPE:
        return f"{key.name} is of the type {key.type}; an external key is of the type {KEY_TYPE}"
    if key.convergent_encryption:
        return f"{key.name} is convergent: equal plaintexts would give equal ciphertexts; use a key that is not derived"
    if key.derived:
        return f"{key.name} is derived and needs a context with each request; use a key that is not derived"
    return ""


def _describe_type(key: KeyProperties) -> str:
    words = [key.type]
    if key.convergent_encryption:
        words.append("convergent")
    elif key.derived:
        words.append("derived")
    return " ".join(words)
