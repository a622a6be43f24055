"""Our ciphertext metadata."""

from __future__ import annotations

import pytest

from hyok.proxy.ciphertext_metadata import decode_ciphertext_metadata, encode_ciphertext_metadata
from hyok.xks.errors import XksError, XksErrorName
from hyok.xks.limits import MAX_CIPHERTEXT_METADATA_BYTES


@pytest.mark.parametrize(
    ("version", "metadata"),
    [(1, b"\x01\x00\x00\x00\x01"), (258, b"\x01\x00\x00\x01\x02"), (2**32 - 1, b"\x01\xff\xff\xff\xff")],
)
def test_a_version_is_written_in_format_1(version: int, metadata: bytes) -> None:
    assert encode_ciphertext_metadata(version) == metadata
    assert decode_ciphertext_metadata(metadata) == version


def test_it_is_no_longer_than_kms_takes() -> None:
    assert len(encode_ciphertext_metadata(2**32 - 1)) <= MAX_CIPHERTEXT_METADATA_BYTES


@pytest.mark.parametrize("metadata", [b"", b"\x01", bytes(5), b"\x01\0\0\0\0", b"\x00\0\0\0\1", b"\x01\0\0\0\1\0"])
def test_what_was_never_written_is_a_corrupted_ciphertext(metadata: bytes) -> None:
    with pytest.raises(XksError) as refused:
        decode_ciphertext_metadata(metadata)

    assert refused.value.name is XksErrorName.INVALID_CIPHERTEXT
