"""The encoding, item by item, and everything that the decoder refuses."""

from __future__ import annotations

import pytest

from hyok.keymanagers.kmip import ttlv
from hyok.keymanagers.kmip.ttlv import MAX_DEPTH, MAX_ITEMS, Item, ItemType, MalformedMessageError, decode

TAG = 0x420020

# KMIP 2.1, 10.1.5: the examples of the specification.
EXAMPLES = [
    (ttlv.integer(TAG, 8), "42002002000000040000000800000000", ItemType.INTEGER, 8),
    (ttlv.integer(TAG, -1), "4200200200000004ffffffff00000000", ItemType.INTEGER, -1),
    (ttlv.enumeration(TAG, 255), "4200200500000004000000ff00000000", ItemType.ENUMERATION, 255),
    (ttlv.boolean(TAG, value=True), "42002006000000080000000000000001", ItemType.BOOLEAN, 1),
    (
        ttlv.text(TAG, "Hello World"),
        "420020070000000b48656c6c6f20576f726c640000000000",
        ItemType.TEXT_STRING,
        "Hello World",
    ),
    (ttlv.octets(TAG, b"\1\2\3"), "42002008000000030102030000000000", ItemType.BYTE_STRING, b"\1\2\3"),
]


@pytest.mark.parametrize(("encoded", "expected", "kind", "value"), EXAMPLES)
def test_items_are_written_and_read_as_in_the_specification(
    encoded: bytes, expected: str, kind: ItemType, value: int | str | bytes
) -> None:
    assert encoded.hex() == expected
    assert decode(encoded) == Item(TAG, kind, value)


@pytest.mark.parametrize(
    ("written", "kind", "value"),
    [
        ("420020030000000801b69b4ba5749200", ItemType.LONG_INTEGER, 123456789000000000),
        ("42002004000000100000000003fd35eb6bc2df4618080000", ItemType.BIG_INTEGER, 1234567890000000000000000000),
        ("42002009000000080000000047da67f8", ItemType.DATE_TIME, 0x47DA67F8),
        ("4200200a00000004000d2f0000000000", ItemType.INTERVAL, 864000),
        ("4200200b0000000800045c9d3ae2c000", ItemType.DATE_TIME_EXTENDED, 0x45C9D3AE2C000),
    ],
)
def test_types_that_hyok_never_writes_are_read_too(written: str, kind: ItemType, value: int) -> None:
    assert decode(bytes.fromhex(written)) == Item(TAG, kind, value)


def test_a_structure_holds_its_items_in_order() -> None:
    encoded = ttlv.structure(0x420020, ttlv.enumeration(0x420004, 254), ttlv.integer(0x420005, 255))
    assert encoded.hex() == (
        "4200200100000020" + "4200040500000004000000fe00000000" + "4200050200000004000000ff00000000"
    )
    item = decode(encoded)
    assert item.value == (Item(0x420004, ItemType.ENUMERATION, 254), Item(0x420005, ItemType.INTEGER, 255))
    assert item.only(0x420005).number(ItemType.INTEGER) == 255
    assert item.find(0x420006) is None
    with pytest.raises(MalformedMessageError, match="420006 is missing in 420020"):
        item.only(0x420006)


def test_an_item_that_must_be_there_once_is_not_there_twice() -> None:
    item = decode(ttlv.structure(TAG, ttlv.integer(0x420004, 1), ttlv.integer(0x420004, 2)))
    with pytest.raises(MalformedMessageError, match="2 times"):
        item.find(0x420004)
    assert len(list(item.all(0x420004))) == 2


@pytest.mark.parametrize(
    ("item", "read"),
    [
        (ttlv.integer(TAG, 1), lambda item: item.text()),
        (ttlv.text(TAG, "1"), lambda item: item.octets()),
        (ttlv.octets(TAG, b"1"), lambda item: item.text()),
        (ttlv.integer(TAG, 1), lambda item: item.number(ItemType.ENUMERATION)),
        (ttlv.text(TAG, "1"), lambda item: item.number(ItemType.INTEGER)),
        (ttlv.text(TAG, "1"), lambda item: item.find(TAG)),
    ],
)
def test_a_value_of_another_type_is_not_taken_for_what_was_wanted(item: bytes, read: object) -> None:
    assert callable(read)
    with pytest.raises(MalformedMessageError, match="is of type"):
        read(decode(item))


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("", "0 bytes where"),
        ("42002002", "4 bytes where"),
        ("42002002000000040000000800000000" + "00", "after the message"),
        ("420020020000000400000008", "goes past"),
        ("42002002000000080000000800000000", "has 8 bytes, not 4"),
        ("42002002000000040000000800000001", "filled up with zeros"),
        ("4200200c00000004" + "00" * 8, "unknown type 12"),
        ("42002000" + "00" * 4, "unknown type 0"),
        ("000001020000000400000008" + "00" * 4, "no tag"),
        ("4200200600000008" + "0000000000000002", "neither 0 nor 1"),
        ("4200200600000008" + "0100000000000001", "neither 0 nor 1"),
        ("4200200700000001ff" + "00" * 7, "not UTF-8"),
        ("4200200400000000", "multiple of 8"),
        ("42002004000000090102030405060708" + "09" + "00" * 7, "multiple of 8"),
        ("42002007ffffffff" + "00" * 8, "goes past"),
        ("4200200100000008" + "4200200100000008", "goes past"),
        ("4200200100000004" + "00" * 8, "4 bytes where"),
    ],
)
def test_what_is_not_as_prescribed_is_refused(message: str, why: str) -> None:
    with pytest.raises(MalformedMessageError, match=why):
        decode(bytes.fromhex(message))


def test_structures_nest_only_so_deep() -> None:
    def nested(depth: int) -> bytes:
        return ttlv.structure(TAG, nested(depth - 1)) if depth else b""

    decode(nested(MAX_DEPTH))
    with pytest.raises(MalformedMessageError, match="nested"):
        decode(nested(MAX_DEPTH + 1))
    with pytest.raises(MalformedMessageError, match="nested"):
        decode(nested(500))


def test_a_message_has_only_so_many_items() -> None:
    item = ttlv.integer(TAG, 1)
    decode(ttlv.structure(TAG, item * (MAX_ITEMS - 1)))
    with pytest.raises(MalformedMessageError, match="more than"):
        decode(ttlv.structure(TAG, item * MAX_ITEMS))


def test_an_error_never_shows_a_value() -> None:
    for secret in (b"\xffsecret", b"secret"):
        with pytest.raises(MalformedMessageError) as raised:
            decode(ttlv.octets(TAG, secret)[:-1])
        assert "secret" not in str(raised.value)
