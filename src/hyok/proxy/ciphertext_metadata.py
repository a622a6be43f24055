"""Our `ciphertextMetadata`: what of the external key made a ciphertext, so that rotated keys and copies decrypt on.

Byte 0 is the format. Format 1, of an external key's first or only copy: the key version in 4 bytes big-endian. Format
2, of a further copy: its number, from 2 to 255, in 1 byte, then the key version as before. KMS keeps these bytes with
each ciphertext for ever; a new layout, or another way to frame the AAD, takes a new format number.
"""

from __future__ import annotations

from typing import Final, NamedTuple

_FORMAT_1: Final = 1
_FORMAT_1_BYTES: Final = 5
_FORMAT_2: Final = 2
_FORMAT_2_BYTES: Final = 6
FIRST_COPY: Final = 1
MAX_COPY: Final = 255


class SealedBy(NamedTuple):
    """Which copy of the external key sealed something, in which version."""

    copy: int
    key_version: int


def encode_ciphertext_metadata(key_version: int, *, copy: int = FIRST_COPY) -> bytes:
    """Return the 5 or 6 bytes that name a key version from 1 to 2^32 - 1 of a copy from 1 to 255."""
    if copy == FIRST_COPY:
        return b"\x01" + key_version.to_bytes(4, "big")
    return bytes((_FORMAT_2, copy)) + key_version.to_bytes(4, "big")


def read_ciphertext_metadata(metadata: bytes) -> SealedBy | None:
    """Return what the metadata names; None for anything this proxy never writes."""
    match metadata[:1]:
        case b"\x01" if len(metadata) == _FORMAT_1_BYTES:
            copy, key_version = FIRST_COPY, int.from_bytes(metadata[1:], "big")
        case b"\x02" if len(metadata) == _FORMAT_2_BYTES and metadata[1] > FIRST_COPY:
            copy, key_version = metadata[1], int.from_bytes(metadata[2:], "big")
        case _:
            return None
    return SealedBy(copy, key_version) if key_version else None


def could_be_ours(metadata: bytes) -> bool:
    """Tell whether metadata begins as that of a format that we write; also one that `read` then refuses."""
    return len(metadata) in (_FORMAT_1_BYTES, _FORMAT_2_BYTES) and metadata[0] in (_FORMAT_1, _FORMAT_2)
