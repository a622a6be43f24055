"""Ciphertext metadata is read as one copy and version whose encoding it is, or not at all.

Nothing else: no error, no second form of the same, and nothing that might be set for a predecessor.
"""

from __future__ import annotations

from hyok.proxy.ciphertext_metadata import could_be_ours, encode_ciphertext_metadata, read_ciphertext_metadata

SEEDS = (b"\x01\x00\x00\x00\x01", b"\x01\xff\xff\xff\xff", b"\x02\x02\x00\x00\x00\x01", b"\x02\xff\x00\x00\x01\x00")


def fuzz_one(data: bytes) -> None:
    """Read `data`."""
    sealed_by = read_ciphertext_metadata(data)
    if sealed_by is None:
        return
    copy, version = sealed_by
    is_in_range = 1 <= version < 2**32 and 1 <= copy < 2**8
    if not is_in_range or encode_ciphertext_metadata(version, copy=copy) != data or not could_be_ours(data):
        raise AssertionError(f"{data!r} was read as {sealed_by}")
