from __future__ import annotations

import pytest

from hyok.xks.aad import frame_aad


def test_the_frame_is_lengths_and_parts() -> None:
    assert frame_aad(b"aad", b"metadata") == b"\x00\x03aad\x08metadata"


def test_absent_parts_have_length_zero() -> None:
    assert frame_aad(b"", b"") == b"\x00\x00\x00"
    assert frame_aad(b"a", b"") == b"\x00\x01a\x00"
    assert frame_aad(b"", b"m") == b"\x00\x00\x01m"


def test_the_largest_request_fits() -> None:
    frame = frame_aad(b"a" * 8192, b"m" * 20)
    assert frame == b"\x20\x00" + b"a" * 8192 + b"\x14" + b"m" * 20


def test_what_has_no_length_field_is_never_cut() -> None:
    with pytest.raises(OverflowError):
        frame_aad(bytes(65536), b"")
    with pytest.raises(OverflowError):
        frame_aad(b"", bytes(256))
