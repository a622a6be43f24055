"""Our `ciphertextMetadata`: which version of the external key made a ciphertext, so that rotated keys decrypt on.

Byte 0 is the format. Format 1: the key version in 4 bytes big-endian. KMS keeps these bytes with each ciphertext for
ever; a new layout, or another way to frame the AAD, takes a new format number.
"""

from __future__ import annotations

from typing import Final

from hyok.xks.errors import XksError, XksErrorName

_FORMAT_1: Final = b"\x01"
_FORMAT_1_BYTES: Final = 5


def encode_ciphertext_metadata(key_version: int) -> bytes:
    """Return the 5 bytes that name a key version from 1 to 2^32 - 1."""
    return _FORMAT_1 + key_version.to_bytes(4, "big")


def decode_ciphertext_metadata(metadata: bytes) -> int:
    """Return the key version. XksError INVALID_CIPHERTEXT for anything this proxy never writes."""
    if len(metadata) == _FORMAT_1_BYTES and metadata[:1] == _FORMAT_1:
        key_version = int.from_bytes(metadata[1:], "big")
        if key_version:
            return key_version
    raise XksError(
        XksErrorName.INVALID_CIPHERTEXT,
        f"ciphertextMetadata of {len(metadata)} bytes was not written by this proxy",
    )
