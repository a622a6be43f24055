"""The inner layer of double encryption: AES-256-GCM under a key made for one message alone. No I/O.

The message's key is derived from the backing key and 128 random bits (NIST SP 800-108 counter mode, HMAC-SHA-256), so
no two messages share a key. For the same reason the nonce is constant: GCM needs each pair of key and nonce once, and
the key alone sees to that. Two messages would collide only if their 128 random bits did, which after 2^48 messages
under one backing key has a chance of 2^-33: less than the 2^-32 that NIST SP 800-38D allows, and that random 96-bit
nonces under one key reach at 2^32 messages.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hyok.errors import HyokError
from hyok.secret import Secret
from hyok.sha256 import hmac_sha256

BACKING_KEY_BYTES: Final = 32

_NONCE: Final = bytes(12)
_LABEL: Final = b"hyok kms message key"
# [i] || Label || 00 || Context || [L]: one round, because one HMAC-SHA-256 is one AES-256 key. Both numbers in 32 bits.
_BEFORE_DERIVATION: Final = (1).to_bytes(4, "big") + _LABEL + b"\x00"
_AFTER_DERIVATION: Final = (256).to_bytes(4, "big")


class InnerCiphertextError(HyokError):
    """The inner ciphertext, its header or its encryption context is not what was once sealed."""


def seal_inner(backing_key: Secret, derivation: bytes, plaintext: bytes, aad: bytes) -> bytes:
    """Encrypt a message. `derivation` is 16 fresh random bytes; the result ends in a 16-byte tag."""
    return AESGCM(_message_key(backing_key, derivation)).encrypt(_NONCE, plaintext, aad)


def open_inner(backing_key: Secret, derivation: bytes, inner: bytes, aad: bytes) -> bytes:
    """Decrypt what `seal_inner` made. Raises `InnerCiphertextError` if anything differs."""
    try:
        return AESGCM(_message_key(backing_key, derivation)).decrypt(_NONCE, inner, aad)
    except InvalidTag as error:
        raise InnerCiphertextError(f"an inner ciphertext of {len(inner)} bytes does not authenticate") from error


def _message_key(backing_key: Secret, derivation: bytes) -> bytes:
    return hmac_sha256(backing_key.reveal(), _BEFORE_DERIVATION + derivation + _AFTER_DERIVATION)
