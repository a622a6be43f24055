"""Invariant: any CKA_ID is somebody else's or comes back exactly; any text as key id is refused or names one thing."""

from __future__ import annotations

from hyok.keymanagers.pkcs11.key_names import decode_version_mark, encode_version_mark, id_form, parse_key_id

SEEDS = (
    bytes.fromhex("68796f6b 00000002 03 6b49d200"),
    b"hyok\x00\x00\x00\x01\x01\x00\x00\x00\x00",
    b"id:0a1b",
    b"payroll",
)


def fuzz_one(data: bytes) -> None:
    mark = decode_version_mark(data)
    if mark is not None:
        assert encode_version_mark(mark) == data
    text = data.decode("utf-8", "surrogateescape")
    try:
        name = parse_key_id(text)
    except ValueError:
        return
    assert (name.label, name.id) in ((text, b""), ("", name.id))
    assert name.label or parse_key_id(id_form(name.id)) == name
