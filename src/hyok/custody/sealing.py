"""The format of everything sealed at rest, no I/O: AES-256-GCM with a random 96-bit nonce.

Byte 0 is the format (1), then 12 bytes nonce, then the ciphertext with its tag of 16 bytes. The format byte and the
context are authenticated. Random nonces allow 2^32 seals under one key (NIST SP 800-38D 8.3); a storage whose key is
made at its first start seals once per key version, credential or state change, and stays far below.
"""

from __future__ import annotations

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hyok.custody.errors import IntegrityError

FORMAT: Final = b"\x01"
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
OVERHEAD_BYTES: Final = len(FORMAT) + NONCE_BYTES + TAG_BYTES
"""How much longer than the plaintext something sealed is."""


def encode_context(*parts: str | int) -> bytes:
    """Frame the parts so that no two different contexts give the same bytes.

    Each part: one byte for its type, its length in 4 bytes big-endian, its UTF-8 text or decimal digits.
    """
    framed = bytearray()
    for part in parts:
        text = part.encode() if isinstance(part, str) else b"%d" % part
        framed += b"s" if isinstance(part, str) else b"i"
        framed += len(text).to_bytes(4, "big")
        framed += text
    return bytes(framed)


def seal(key: AESGCM, plaintext: bytes, context: bytes) -> bytes:
    """Encrypt `plaintext` so that it opens only under the same key and context."""
    nonce = os.urandom(NONCE_BYTES)
    return FORMAT + nonce + key.encrypt(nonce, plaintext, FORMAT + context)


def unseal(key: AESGCM, sealed: bytes, context: bytes) -> bytes:
    """Decrypt what `seal` made. IntegrityError if anything of it, the key or the context differs."""
    if not isinstance(sealed, bytes):  # SQLite keeps whatever somebody writes into a column
        raise IntegrityError(
            f"a value of the kind {type(sealed).__name__} was never sealed by this hyok; expected bytes"
        )
    if len(sealed) < OVERHEAD_BYTES or sealed[:1] != FORMAT:
        raise IntegrityError(
            f"{len(sealed)} bytes with format byte {sealed[:1].hex() or 'missing'} were never sealed by this hyok; "
            f"expected format 01 and at least {OVERHEAD_BYTES} bytes"
        )
    nonce_end = len(FORMAT) + NONCE_BYTES
    try:
        return key.decrypt(sealed[len(FORMAT) : nonce_end], sealed[nonce_end:], FORMAT + context)
    except InvalidTag as error:
        raise IntegrityError(f"{len(sealed)} sealed bytes do not open under this key in this place") from error
