"""KMIP's encoding: tag, type, length, value (KMIP 2.1, 10.1). The decoder takes a server's word for nothing.

Three bytes of tag, one of type, four of length, then the value, filled up with zeros to a multiple of eight bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import Final, NamedTuple

from hyok.errors import HyokError

HEAD_BYTES: Final = 8
MAX_DEPTH: Final = 12
"""Structures within structures; the deepest answer that hyok understands has 7."""
MAX_ITEMS: Final = 20_000
"""In one message."""


class MalformedMessageError(HyokError):
    """A message that is not what KMIP prescribes. Says where and what, never a value."""


class ItemType(IntEnum):
    """How a value is written."""

    STRUCTURE = 1
    INTEGER = 2
    LONG_INTEGER = 3
    BIG_INTEGER = 4
    ENUMERATION = 5
    BOOLEAN = 6
    TEXT_STRING = 7
    BYTE_STRING = 8
    DATE_TIME = 9
    INTERVAL = 10
    DATE_TIME_EXTENDED = 11


Value = int | str | bytes | tuple["Item", ...]


class Item(NamedTuple):
    """One item of a message that was received."""

    tag: int
    type: ItemType
    value: Value
    """A structure's items; text; bytes; whole numbers for all the rest, dates in Unix seconds."""

    def all(self, tag: int) -> Iterator[Item]:
        """Yield the items of that tag in this structure."""
        return (item for item in self._items() if item.tag == tag)

    def find(self, tag: int) -> Item | None:
        """Return the one item of that tag, or None. MalformedMessageError if there are several."""
        found = list(self.all(tag))
        if len(found) > 1:
            raise MalformedMessageError(f"item {tag:06X} is there {len(found)} times in {self.tag:06X}, not once")
        return found[0] if found else None

    def only(self, tag: int) -> Item:
        """Return the one item of that tag. MalformedMessageError if it is missing."""
        found = self.find(tag)
        if found is None:
            raise MalformedMessageError(f"item {tag:06X} is missing in {self.tag:06X}")
        return found

    def text(self) -> str:
        """Return the value of a Text String."""
        if isinstance(self.value, str):
            return self.value
        raise self._unfit(ItemType.TEXT_STRING)

    def octets(self) -> bytes:
        """Return the value of a Byte String."""
        if self.type is ItemType.BYTE_STRING and isinstance(self.value, bytes):
            return self.value
        raise self._unfit(ItemType.BYTE_STRING)

    def number(self, expected: ItemType) -> int:
        """Return the value of an item of a type that is a number."""
        if self.type is expected and isinstance(self.value, int):
            return self.value
        raise self._unfit(expected)

    def _items(self) -> tuple[Item, ...]:
        if isinstance(self.value, tuple):
            return self.value
        raise self._unfit(ItemType.STRUCTURE)

    def _unfit(self, expected: ItemType) -> MalformedMessageError:
        return MalformedMessageError(f"item {self.tag:06X} is of type {self.type.name}, not {expected.name}")


def frame_bytes(head: bytes | bytearray) -> int:
    """Return how long a message is, by its first 8 bytes."""
    return HEAD_BYTES + int.from_bytes(head[4:HEAD_BYTES])


def decode(message: bytes) -> Item:
    """Decode one whole message. MalformedMessageError if anything in it is not as it should be."""
    reader = _Reader(message)
    item = reader.read_item(0, len(message), MAX_DEPTH)
    if reader.position != len(message):
        raise MalformedMessageError(f"{len(message) - reader.position} bytes after the message")
    return item


# Encoding: each function returns one item.


def structure(tag: int, *items: bytes) -> bytes:
    """Encode a structure of items that are encoded already."""
    content = b"".join(items)
    return _head(tag, ItemType.STRUCTURE, len(content)) + content


def integer(tag: int, value: int) -> bytes:
    """Encode a signed whole number of 32 bits."""
    return _SMALL_SIGNED.pack(tag << 8 | ItemType.INTEGER, 4, value)


def enumeration(tag: int, value: int) -> bytes:
    """Encode one word of a list."""
    return _SMALL_UNSIGNED.pack(tag << 8 | ItemType.ENUMERATION, 4, value)


def boolean(tag: int, *, value: bool) -> bytes:
    """Encode a truth value."""
    return _LARGE.pack(tag << 8 | ItemType.BOOLEAN, 8, value)


def text(tag: int, value: str) -> bytes:
    """Encode a Text String."""
    return _padded(tag, ItemType.TEXT_STRING, value.encode())


def octets(tag: int, value: bytes) -> bytes:
    """Encode a Byte String."""
    return _padded(tag, ItemType.BYTE_STRING, value)


def retag(item: bytes, tag: int) -> bytes:
    """Return an encoded item under another tag."""
    return tag.to_bytes(3) + item[3:]


def _padded(tag: int, type_: ItemType, value: bytes) -> bytes:
    return _head(tag, type_, len(value)) + value + bytes(-len(value) % 8)


def _head(tag: int, type_: ItemType, length: int) -> bytes:
    return _HEAD.pack(tag << 8 | type_, length)


# Decoding.


class _Reader:
    """Reads items one after another and counts them."""

    def __init__(self, message: bytes) -> None:
        self._message = message
        self._count = 0
        self.position = 0

    def read_item(self, start: int, end: int, depth: int) -> Item:
        """Read the item that begins at `start` and must end by `end`."""
        self._count += 1
        if self._count > MAX_ITEMS:
            raise MalformedMessageError(f"more than {MAX_ITEMS} items in one message")
        if end - start < HEAD_BYTES:
            raise MalformedMessageError(f"{end - start} bytes where an item's head of {HEAD_BYTES} should be")
        tag_and_type, length = _HEAD.unpack_from(self._message, start)
        tag, type_ = tag_and_type >> 8, _TYPES.get(tag_and_type & 0xFF)
        if tag >> 16 not in _TAG_SPACES:
            raise MalformedMessageError(f"{tag:06X} is no tag of KMIP")
        if type_ is None:
            raise MalformedMessageError(f"item {tag:06X} is of the unknown type {tag_and_type & 0xFF}")
        value_start = start + HEAD_BYTES
        value_end = value_start + length
        self.position = value_end + -length % 8
        if self.position > end:
            raise MalformedMessageError(f"item {tag:06X} of {length} bytes goes past the {end - value_start} there are")
        if any(self._message[value_end : self.position]):
            raise MalformedMessageError(f"item {tag:06X} is not filled up with zeros")
        if type_ is ItemType.STRUCTURE:
            return Item(tag, type_, self._read_items(tag, value_start, value_end, depth - 1))
        return Item(tag, type_, _read_value(tag, type_, self._message[value_start:value_end]))

    def _read_items(self, tag: int, start: int, end: int, depth: int) -> tuple[Item, ...]:
        if depth < 0:
            raise MalformedMessageError(f"structure {tag:06X} is nested more than {MAX_DEPTH} deep")
        items = []
        self.position = start
        while self.position < end:
            items.append(self.read_item(self.position, end, depth))
        return tuple(items)


def _read_value(tag: int, type_: ItemType, value: bytes) -> Value:
    wanted = _FIXED_BYTES.get(type_)
    if wanted is not None and len(value) != wanted:
        raise MalformedMessageError(f"item {tag:06X} of type {type_.name} has {len(value)} bytes, not {wanted}")
    match type_:
        case ItemType.TEXT_STRING:
            try:
                return value.decode()
            except UnicodeDecodeError as error:
                raise MalformedMessageError(f"text {tag:06X} of {len(value)} bytes is not UTF-8") from error
        case ItemType.BYTE_STRING:
            return value
        case ItemType.ENUMERATION | ItemType.INTERVAL:
            return int.from_bytes(value)
        case ItemType.BOOLEAN:
            if value[:7] != bytes(7) or value[7] > 1:
                raise MalformedMessageError(f"truth value {tag:06X} is neither 0 nor 1")
            return value[7]
        case ItemType.BIG_INTEGER if not value or len(value) % 8:
            raise MalformedMessageError(f"big integer {tag:06X} has {len(value)} bytes, no multiple of 8")
        case (
            ItemType.INTEGER
            | ItemType.LONG_INTEGER
            | ItemType.BIG_INTEGER
            | ItemType.DATE_TIME
            | ItemType.DATE_TIME_EXTENDED
        ):
            return int.from_bytes(value, signed=True)
        case ItemType.STRUCTURE:
            raise MalformedMessageError(f"structure {tag:06X} is no value")


_HEAD: Final = struct.Struct(">II")
_SMALL_SIGNED: Final = struct.Struct(">IIi4x")
_SMALL_UNSIGNED: Final = struct.Struct(">III4x")
_LARGE: Final = struct.Struct(">IIq")
_TYPES: Final = {type_.value: type_ for type_ in ItemType}
_TAG_SPACES: Final = frozenset({0x42, 0x54})
_FIXED_BYTES: Final = {
    ItemType.INTEGER: 4,
    ItemType.LONG_INTEGER: 8,
    ItemType.ENUMERATION: 4,
    ItemType.BOOLEAN: 8,
    ItemType.DATE_TIME: 8,
    ItemType.INTERVAL: 4,
    ItemType.DATE_TIME_EXTENDED: 8,
}
