"""Our ciphertext metadata."""

from __future__ import annotations

import pytest

from hyok.proxy.ciphertext_metadata import (
    MAX_COPY,
    SealedBy,
    could_be_ours,
    encode_ciphertext_metadata,
    read_ciphertext_metadata,
)
from hyok.xks.limits import MAX_CIPHERTEXT_METADATA_BYTES


@pytest.mark.parametrize(
    ("version", "metadata"),
    [(1, b"\x01\x00\x00\x00\x01"), (258, b"\x01\x00\x00\x01\x02"), (2**32 - 1, b"\x01\xff\xff\xff\xff")],
)
def test_a_version_of_the_first_copy_is_written_in_format_1(version: int, metadata: bytes) -> None:
    assert encode_ciphertext_metadata(version) == metadata
    assert read_ciphertext_metadata(metadata) == SealedBy(1, version)


@pytest.mark.parametrize(
    ("copy", "version", "metadata"),
    [(2, 1, b"\x02\x02\x00\x00\x00\x01"), (255, 2**32 - 1, b"\x02\xff\xff\xff\xff\xff")],
)
def test_a_version_of_a_further_copy_is_written_in_format_2(copy: int, version: int, metadata: bytes) -> None:
    assert encode_ciphertext_metadata(version, copy=copy) == metadata
    assert read_ciphertext_metadata(metadata) == SealedBy(copy, version)


def test_it_is_no_longer_than_kms_takes() -> None:
    assert len(encode_ciphertext_metadata(2**32 - 1, copy=MAX_COPY)) <= MAX_CIPHERTEXT_METADATA_BYTES


@pytest.mark.parametrize(
    "metadata",
    [
        b"",
        b"\x01",
        bytes(5),
        b"\x01\0\0\0\0",
        b"\x00\0\0\0\1",
        b"\x01\0\0\0\1\0",
        b"\x02\2\0\0\0\0",
        b"\x02\0\0\0\0\1",
        b"\x02\1\0\0\0\1",
        b"\x02\2\0\0\0\1\0",
        b"\x03\2\0\0\0\1",
    ],
)
def test_what_was_never_written_is_not_read(metadata: bytes) -> None:
    assert read_ciphertext_metadata(metadata) is None


@pytest.mark.parametrize("metadata", [b"\x01\0\0\0\0", b"\x02\1\0\0\0\1", b"\x01\0\0\0\1"])
def test_what_looks_like_ours_is_kept_for_ours(metadata: bytes) -> None:
    assert could_be_ours(metadata)
