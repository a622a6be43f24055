"""The ciphertext data integrity value (XKS API, Encrypt)."""

from __future__ import annotations

from hyok.sha256 import sha256


def integrity_value(aad: bytes, ciphertext_metadata: bytes, iv: bytes, ciphertext: bytes, tag: bytes) -> bytes:
    """Return SHA-256 over the five in this order, without lengths; `aad` is the request's own, not the framed one.

    Compute it from the encryption's output first, and only then decrypt that output to compare with the plaintext:
    the other way round, a bit flipped in between would be covered.
    """
    return sha256(b"".join((aad, ciphertext_metadata, iv, ciphertext, tag))).digest()
