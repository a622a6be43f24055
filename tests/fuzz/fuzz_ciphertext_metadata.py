"""Ciphertext metadata is read as one key version whose encoding it is, or refused as a corrupted ciphertext.

Nothing else: no other error, no second form of the same version.
"""

from __future__ import annotations

from hyok.proxy.ciphertext_metadata import decode_ciphertext_metadata, encode_ciphertext_metadata
from hyok.xks.errors import XksError, XksErrorName

SEEDS = (b"\x01\x00\x00\x00\x01", b"\x01\xff\xff\xff\xff", b"\x02\x00\x00\x00\x01")


def fuzz_one(data: bytes) -> None:
    """Read `data`."""
    try:
        version = decode_ciphertext_metadata(data)
    except XksError as error:
        if error.name is not XksErrorName.INVALID_CIPHERTEXT:
            raise
        return
    if not 1 <= version < 2**32 or encode_ciphertext_metadata(version) != data:
        raise AssertionError(f"{data!r} was read as version {version}")
