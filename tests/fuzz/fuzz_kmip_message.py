"""Invariant: the decoder returns an item that has exactly these bytes when it is written again, or refuses them.

A refusal is MalformedMessageError, in time that grows with the length only.
"""

from __future__ import annotations

import json
from pathlib import Path

from hyok.keymanagers.kmip.ttlv import Item, ItemType, MalformedMessageError, decode

_VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "kmip-messages.json").read_text("utf-8"))["vectors"]
SEEDS = tuple(bytes.fromhex(vector[part]) for vector in _VECTORS for part in ("request", "response"))
_SIGNED = {
    ItemType.INTEGER: 4,
    ItemType.LONG_INTEGER: 8,
    ItemType.DATE_TIME: 8,
    ItemType.DATE_TIME_EXTENDED: 8,
}
_UNSIGNED = {ItemType.ENUMERATION: 4, ItemType.INTERVAL: 4, ItemType.BOOLEAN: 8}


def fuzz_one(data: bytes) -> None:
    """Decode, and encode again."""
    try:
        item = decode(data)
    except MalformedMessageError:
        return
    assert _encode(item, data) == data


def _encode(item: Item, message: bytes) -> bytes:
    match item.value:
        case tuple():
            value = b"".join(_encode(each, message) for each in item.value)
        case str():
            value = item.value.encode()
        case bytes():
            value = item.value
        case int() if item.type in _SIGNED:
            value = item.value.to_bytes(_SIGNED[item.type], signed=True)
        case int() if item.type in _UNSIGNED:
            value = item.value.to_bytes(_UNSIGNED[item.type])
        case int():
            # A big integer may have more bytes than it needs, so its length cannot be told from its value.
            return _find_big_integer(item, message)
    return item.tag.to_bytes(3) + bytes((item.type,)) + len(value).to_bytes(4) + value + bytes(-len(value) % 8)


def _find_big_integer(item: Item, message: bytes) -> bytes:
    assert isinstance(item.value, int)
    head = item.tag.to_bytes(3) + bytes((item.type,))
    for length in range(8, len(message), 8):
        try:
            written = head + length.to_bytes(4) + item.value.to_bytes(length, signed=True)
        except OverflowError:
            continue
        if written in message:
            return written
    raise AssertionError(f"no such big integer in the message: {item.value.bit_length()} bits")
