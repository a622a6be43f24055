"""Copies of stored keys in the memory of a session, for a token that reads its files at each use of a stored key.

SoftHSM does: four files opened and locked for an encryption and its verification, which is half of their time. Its
memory holds the key in use either way. A copy outlives what happens to its key, so the key's attributes are read again
before a copy that was looked at `COPY_SECONDS` ago is used: so late is it noticed that the key was disabled or lost.
"""

from __future__ import annotations

import contextlib
import time
from typing import Final, NamedTuple

from hyok.keymanagers.pkcs11.constants import AttributeType
from hyok.keymanagers.pkcs11.library import CryptokiError, Library, encode_bool

COPY_SECONDS: Final = 0.5
_PERMISSIONS: Final = (AttributeType.CKA_ENCRYPT, AttributeType.CKA_DECRYPT)


class _Copy(NamedTuple):
    handle: int
    permissions: tuple[bytes | None, ...]
    """Those of the key when it was copied."""
    looked_at: float
    """When the key was last seen with these permissions, in `time.monotonic` seconds."""


class KeyCopies:
    """The copies of one opening of a token, by the handle of the stored key."""

    def __init__(self) -> None:
        self._copies: dict[int, _Copy] = {}

    def copy_of(self, library: Library, session: int, keeper: int, key: int) -> int:
        """Return the handle of a copy that does what the key may do now. CryptokiError, for example if the key is gone.

        The copy lives as long as the keeper session.
        """
        copy = self._copies.get(key)
        now = time.monotonic()
        if copy is not None and now - copy.looked_at < COPY_SECONDS:
            return copy.handle
        permissions = library.attribute_values(session, key, _PERMISSIONS)
        if copy is None or copy.permissions != permissions:
            handle = library.copy_object(keeper, key, {AttributeType.CKA_TOKEN: encode_bool(False)})
            if copy is not None:
                with contextlib.suppress(CryptokiError):
                    library.destroy_object(keeper, copy.handle)
        else:
            handle = copy.handle
        self._copies[key] = _Copy(handle, permissions, now)
        return handle
