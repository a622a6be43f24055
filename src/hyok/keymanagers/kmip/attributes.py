"""Attributes: in KMIP 1.x by name, in 2.x by tag; here alike.

1.x sends `Attribute { Attribute Name, Attribute Index, Attribute Value }`, in requests wrapped in a Template-Attribute;
2.x sends an `Attributes` structure with each value under its own tag (KMIP 1.4, 2.1.1; KMIP 2.1, 7).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from hyok.keymanagers.kmip import ttlv
from hyok.keymanagers.kmip.ttlv import Item, ItemType
from hyok.keymanagers.kmip.vocabulary import (
    SYMMETRIC_KEY,
    UNINTERPRETED_TEXT,
    AttributeKind,
    ProtocolVersion,
    Tag,
)


class Attribute(NamedTuple):
    """An attribute to send."""

    kind: AttributeKind
    value: bytes
    """Encoded, under the attribute's own tag."""
    position: int | None = None
    """Which of several values it is; only 1.x has numbers for them."""


class ReceivedAttribute(NamedTuple):
    """An attribute that came: its value, and in 1.x its Attribute Index."""

    kind: AttributeKind
    value: Item
    position: int


def name(text: str) -> Attribute:
    """Make a Name."""
    value = ttlv.structure(
        Tag.NAME, ttlv.text(Tag.NAME_VALUE, text), ttlv.enumeration(Tag.NAME_TYPE, UNINTERPRETED_TEXT)
    )
    return Attribute(AttributeKind.NAME, value)


def symmetric_key() -> Attribute:
    """Make the Object Type of keys."""
    return Attribute(AttributeKind.OBJECT_TYPE, ttlv.enumeration(Tag.OBJECT_TYPE, SYMMETRIC_KEY))


def algorithm(value: int) -> Attribute:
    """Make a Cryptographic Algorithm."""
    return Attribute(AttributeKind.CRYPTOGRAPHIC_ALGORITHM, ttlv.enumeration(Tag.CRYPTOGRAPHIC_ALGORITHM, value))


def length(bits: int) -> Attribute:
    """Make a Cryptographic Length."""
    return Attribute(AttributeKind.CRYPTOGRAPHIC_LENGTH, ttlv.integer(Tag.CRYPTOGRAPHIC_LENGTH, bits))


def usage_mask(mask: int) -> Attribute:
    """Make a Cryptographic Usage Mask."""
    return Attribute(AttributeKind.CRYPTOGRAPHIC_USAGE_MASK, ttlv.integer(Tag.CRYPTOGRAPHIC_USAGE_MASK, mask))


def application_information(namespace: str, data: str, *, position: int | None = None) -> Attribute:
    """Make an Application Specific Information."""
    value = ttlv.structure(
        Tag.APPLICATION_SPECIFIC_INFORMATION,
        ttlv.text(Tag.APPLICATION_NAMESPACE, namespace),
        ttlv.text(Tag.APPLICATION_DATA, data),
    )
    return Attribute(AttributeKind.APPLICATION_SPECIFIC_INFORMATION, value, position)


def encode_new_object(attributes: Sequence[Attribute], version: ProtocolVersion) -> bytes:
    """Encode the attributes of an object to be made."""
    if version.has_templates:
        return ttlv.structure(Tag.TEMPLATE_ATTRIBUTE, *map(_encode_named, attributes))
    return ttlv.structure(Tag.ATTRIBUTES, *(attribute.value for attribute in attributes))


def encode_filter(attributes: Sequence[Attribute], version: ProtocolVersion) -> bytes:
    """Encode the attributes that objects to be located must have."""
    if version.has_templates:
        return b"".join(map(_encode_named, attributes))
    return ttlv.structure(Tag.ATTRIBUTES, *(attribute.value for attribute in attributes))


def encode_new_value(attribute: Attribute, version: ProtocolVersion) -> bytes:
    """Encode an attribute that Add Attribute is to add."""
    if version.has_templates:
        return _encode_named(attribute)
    return ttlv.structure(Tag.NEW_ATTRIBUTE, attribute.value)


def encode_replacement(current: Attribute, new: Attribute, version: ProtocolVersion) -> bytes:
    """Encode what Modify Attribute is to put in place of what: by index in 1.x, by value in 2.x."""
    if version.has_templates:
        return _encode_named(new._replace(position=current.position))
    return ttlv.structure(Tag.CURRENT_ATTRIBUTE, current.value) + ttlv.structure(Tag.NEW_ATTRIBUTE, new.value)


def encode_references(kinds: Sequence[AttributeKind], version: ProtocolVersion) -> bytes:
    """Encode which attributes Get Attributes is to return."""
    if version.has_templates:
        return b"".join(ttlv.text(Tag.ATTRIBUTE_NAME, kind.text) for kind in kinds)
    return b"".join(ttlv.enumeration(Tag.ATTRIBUTE_REFERENCE, kind.tag) for kind in kinds)


def decode_attributes(payload: Item, version: ProtocolVersion) -> Iterator[ReceivedAttribute]:
    """Yield the attributes in a Get Attributes response that hyok knows."""
    if version.has_templates:
        yield from _decode_named(payload)
        return
    container = payload.find(Tag.ATTRIBUTES)
    if container is not None:
        for kind in AttributeKind:
            for value in container.all(kind.tag):
                yield ReceivedAttribute(kind, value, 0)


def _encode_named(attribute: Attribute) -> bytes:
    return ttlv.structure(
        Tag.ATTRIBUTE,
        ttlv.text(Tag.ATTRIBUTE_NAME, attribute.kind.text),
        b"" if attribute.position is None else ttlv.integer(Tag.ATTRIBUTE_INDEX, attribute.position),
        ttlv.retag(attribute.value, Tag.ATTRIBUTE_VALUE),
    )


def _decode_named(payload: Item) -> Iterator[ReceivedAttribute]:
    for attribute in payload.all(Tag.ATTRIBUTE):
        kind = _KIND_OF_NAME.get(attribute.only(Tag.ATTRIBUTE_NAME).text())
        value = attribute.find(Tag.ATTRIBUTE_VALUE)
        if kind is not None and value is not None:
            index = attribute.find(Tag.ATTRIBUTE_INDEX)
            yield ReceivedAttribute(
                kind, value._replace(tag=kind.tag), 0 if index is None else index.number(ItemType.INTEGER)
            )


_KIND_OF_NAME: Final = {kind.text: kind for kind in AttributeKind}
