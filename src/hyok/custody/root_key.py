"""What a root key is to whoever is kept under it."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final, Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hyok.custody.errors import CustodyError
from hyok.custody.sealing import seal, unseal
from hyok.secret import Secret

ROOT_KEY_BYTES: Final = 32


class RootKey(Protocol):
    """The key at the top: it wraps a storage's key-encryption key and nothing else. Called at start, may be slow."""

    @property
    def id(self) -> str:
        """Name the key without telling anything of it; it is stored with what the key wraps."""
        ...

    def may_be(self, root_key_id: str) -> bool:
        """Tell whether this may be the key of that name, so that a wrong one is noticed before it is used."""
        ...

    def wrap(self, plaintext: bytes, context: bytes) -> bytes:
        """Encrypt `plaintext`, bound to `context`. CustodyError if the root cannot be used."""
        ...

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Decrypt what `wrap` made. CustodyError if it does not open here, or the root cannot be used."""
        ...


class LocalRootKey:
    """A root key whose 32 bytes are in this process's memory, wherever they were kept."""

    def __init__(self, key: Secret) -> None:
        found = len(key.reveal())
        if found != ROOT_KEY_BYTES:
            raise CustodyError(f"a root key is {ROOT_KEY_BYTES} bytes, not {found}")
        self._key = AESGCM(key.reveal())
        self._id = hmac.digest(key.reveal(), b"hyok root key id", hashlib.sha256)[:8].hex()

    @property
    def id(self) -> str:
        """The first 16 hex digits of an HMAC under the key: the same key has the same id, wherever it is kept."""
        return self._id

    def may_be(self, root_key_id: str) -> bool:
        """Tell whether it has this id."""
        return root_key_id == self._id

    def wrap(self, plaintext: bytes, context: bytes) -> bytes:
        """Encrypt with AES-256-GCM."""
        return seal(self._key, plaintext, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Decrypt; IntegrityError if it was not wrapped under this key and context."""
        return unseal(self._key, wrapped, context)
