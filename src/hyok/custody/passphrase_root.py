"""A root key made of a passphrase: Argon2id over a salt and with parameters that stand with what it wraps.

Wrapped: 4 bytes each for memory (KiB), passes and lanes, big-endian, a salt of 16, then what `sealing` makes. All of it
is authenticated. Nothing tells whether a passphrase is right but that it opens what it wrapped.
"""

from __future__ import annotations

import os
import secrets
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from hyok.custody.errors import IntegrityError
from hyok.custody.root_key import ROOT_KEY_BYTES
from hyok.custody.sealing import seal, unseal
from hyok.errors import OperatorError
from hyok.secret import Secret

SHORTEST_PASSPHRASE: Final = 16
"""Characters. Whoever has the storage can try passphrases for ever: six words of a list, or 16 random characters."""

_ID_PREFIX: Final = "passphrase-"
_SALT_BYTES: Final = 16
_HEAD_BYTES: Final = 12 + _SALT_BYTES
_MOST_MEMORY_KIB: Final = 4 * 1024 * 1024
_MOST_PASSES: Final = 100
_MOST_LANES: Final = 64


class Argon2Cost(NamedTuple):
    """What one try of a passphrase costs."""

    memory_kib: int
    passes: int
    lanes: int


COST: Final = Argon2Cost(memory_kib=64 * 1024, passes=3, lanes=4)
"""RFC 9106 4, the second recommended option: some tenths of a second, on machines of any size."""


class PassphraseRoot:
    """A root key that is derived anew from its passphrase wherever it is used."""

    def __init__(self, passphrase: Secret, *, cost: Argon2Cost = COST) -> None:
        """`cost` is for what is wrapped from now on. OperatorError if the passphrase is too short."""
        characters = len(passphrase.reveal().decode("utf-8", "replace"))
        if characters < SHORTEST_PASSPHRASE:
            raise OperatorError(
                f"the passphrase has {characters} characters, and {SHORTEST_PASSPHRASE} or more are needed: whoever "
                "gets a copy of the storage can try passphrases for ever"
            )
        self._passphrase = passphrase
        self._cost = cost
        self._id = _ID_PREFIX + secrets.token_hex(8)

    @property
    def id(self) -> str:
        """A random name: one that came from the passphrase would help whoever guesses it."""
        return self._id

    def may_be(self, root_key_id: str) -> bool:
        """Tell whether it is the name of a passphrase; of which one, only opening something tells."""
        return root_key_id.startswith(_ID_PREFIX)

    def wrap(self, plaintext: bytes, context: bytes) -> bytes:
        """Encrypt with AES-256-GCM under a key of a fresh salt."""
        head = b"".join(part.to_bytes(4) for part in self._cost) + os.urandom(_SALT_BYTES)
        return head + seal(self._derive(head), plaintext, head + context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Decrypt; IntegrityError if another passphrase wrapped it, or it was altered."""
        head, sealed = wrapped[:_HEAD_BYTES], wrapped[_HEAD_BYTES:]
        if len(head) < _HEAD_BYTES:
            raise IntegrityError(f"{len(wrapped)} bytes were not wrapped under a passphrase")
        return unseal(self._derive(head), sealed, head + context)

    def _derive(self, head: bytes) -> AESGCM:
        cost = Argon2Cost(*(int.from_bytes(head[start : start + 4]) for start in (0, 4, 8)))
        if not (
            8 * cost.lanes <= cost.memory_kib <= _MOST_MEMORY_KIB
            and 1 <= cost.passes <= _MOST_PASSES
            and 1 <= cost.lanes <= _MOST_LANES
        ):
            raise IntegrityError(f"what a passphrase wrapped names a cost that hyok never writes: {cost}")
        function = Argon2id(
            salt=head[12:],
            length=ROOT_KEY_BYTES,
            iterations=cost.passes,
            lanes=cost.lanes,
            memory_cost=cost.memory_kib,
        )
        return AESGCM(function.derive(self._passphrase.reveal()))
