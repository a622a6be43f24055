"""Invariant: whatever stands where a wrapped key should, a root key opens what it wrapped itself, or CustodyError."""

from __future__ import annotations

from hyok.custody.errors import CustodyError
from hyok.custody.outside_root import OutsideRoot, Wrapped
from hyok.custody.passphrase_root import Argon2Cost, PassphraseRoot
from hyok.custody.root_key import LocalRootKey, RootKey
from hyok.secret import Secret

_PLAIN = b"the key-encryption key"


def _encrypt(plaintext: bytes, context: bytes) -> Wrapped:
    return Wrapped(1, bytes(12), bytes(16), plaintext + context)


def _decrypt(wrapped: Wrapped, context: bytes) -> bytes:
    if wrapped != Wrapped(1, bytes(12), bytes(16), _PLAIN + context):
        raise CustodyError("rejected")
    return wrapped.ciphertext[: len(wrapped.ciphertext) - len(context)]


_ROOTS: tuple[RootKey, ...] = (
    LocalRootKey(Secret(bytes(32))),
    OutsideRoot("hsm:key", _encrypt, _decrypt),
    PassphraseRoot(Secret(b"correct horse battery staple"), cost=Argon2Cost(8, 1, 1)),
)
SEEDS = tuple(root.wrap(_PLAIN, b"context") for root in _ROOTS[:2])


def fuzz_one(data: bytes) -> None:
    """Unwrap with each kind; the passphrase only what names a cost that a test can pay."""
    for root in _ROOTS[:2] if int.from_bytes(data[:4]) > 64 or int.from_bytes(data[4:8]) > 2 else _ROOTS:
        try:
            assert root.unwrap(data, b"context") == _PLAIN
        except CustodyError:
            continue
        assert data in SEEDS
