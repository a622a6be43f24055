"""Transit's keys: what is known of one, and whether it can be an external key."""

from __future__ import annotations

from typing import Final, NamedTuple

from hyok.clock import Deadline
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import KeyDescription, KeyUsage, KeyVersion
from hyok.keymanagers.known_keys import KnownKeys
from hyok.keymanagers.tasks import OwnTasks
from hyok.keymanagers.transit.api import TransitApi
from hyok.keymanagers.transit.wire import KeyProperties

KEY_TYPE: Final = "aes256-gcm96"


class KeyKnowledge(NamedTuple):
    """A key as it was when it was read."""

    description: KeyDescription
    active_version: KeyVersion
    why_unsupported: str
    """Empty if it can be used."""


class KeyBook(KnownKeys[KeyKnowledge]):
    """Reads keys, and remembers them for a moment."""

    def __init__(self, api: TransitApi, tasks: OwnTasks) -> None:
        async def read(key_id: str, deadline: Deadline) -> KeyKnowledge:
            return know_key(key_id, await api.read_key(key_id, deadline))

        super().__init__(read, tasks)

    async def find_usable(self, key_id: str, deadline: Deadline) -> KeyKnowledge:
        """Return what is known of a key that may be used. UNSUPPORTED or KEY_DISABLED if it may not."""
        known = await self.find(key_id, deadline)
        if known.why_unsupported:
            raise KeyManagerError(KeyManagerFailure.UNSUPPORTED, known.why_unsupported)
        if not known.description.is_enabled:
            raise KeyManagerError(KeyManagerFailure.KEY_DISABLED, f"{key_id} is soft-deleted; restore it to use it")
        return known


def know_key(key_id: str, key: KeyProperties) -> KeyKnowledge:
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
    return KeyKnowledge(description, KeyVersion(key_id, key.latest_version), reason)


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
