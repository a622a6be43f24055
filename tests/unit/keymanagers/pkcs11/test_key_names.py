from __future__ import annotations

import pytest

from hyok.keymanagers.interface import KeyUsage
from hyok.keymanagers.pkcs11.key_names import (
    KeyName,
    VersionMark,
    decode_version_mark,
    encode_version_mark,
    id_form,
    parse_key_id,
)

BOTH = frozenset(KeyUsage)


@pytest.mark.parametrize(
    ("key_id", "name"),
    [
        ("payroll", KeyName(label="payroll")),
        ("Schlüssel 1", KeyName(label="Schlüssel 1")),
        ("x" * 255, KeyName(label="x" * 255)),
        ("id:0A1b", KeyName(id=b"\x0a\x1b")),
        ("ID:0A1b", KeyName(label="ID:0A1b")),
    ],
)
def test_a_key_id_is_a_label_or_an_id(key_id: str, name: KeyName) -> None:
    assert parse_key_id(key_id) == name


@pytest.mark.parametrize(
    "key_id", ["", "x" * 256, "ü" * 128, "a\0b", "\ud800", "id:", "id:0", "id:0g", "id:" + "00" * 129]
)
def test_what_no_key_can_be_called_is_refused(key_id: str) -> None:
    with pytest.raises(ValueError):
        parse_key_id(key_id)


def test_the_id_form_leads_back() -> None:
    assert id_form(b"\x0a\x1b") == "id:0a1b"
    assert parse_key_id(id_form(b"\x0a\x1b")).id == b"\x0a\x1b"


def test_a_version_mark_has_the_layout_that_tokens_keep_for_ever() -> None:
    mark = VersionMark(2, BOTH, 1_800_000_000)
    encoded = bytes.fromhex("68796f6b 00000002 03 6b49d200")
    assert encode_version_mark(mark) == encoded
    assert decode_version_mark(encoded) == mark


@pytest.mark.parametrize(
    "key_id",
    [
        b"",
        b"\x00\x00\x00\x02",
        b"hyok",
        bytes.fromhex("68796f6b 00000000 03 6b49d200"),
        bytes.fromhex("68796f6b 00000002 00 6b49d200"),
        bytes.fromhex("68796f6b 00000002 07 6b49d200"),
        bytes.fromhex("68796f6b 00000002 03 6b49d200 00"),
    ],
)
def test_an_id_of_others_is_no_version_mark(key_id: bytes) -> None:
    assert decode_version_mark(key_id) is None
