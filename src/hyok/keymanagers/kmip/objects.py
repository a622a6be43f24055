"""A key object at the server, as hyok sees it, and the mark that hyok leaves on objects of its own.

The mark is an Application Specific Information with the namespace `hyok`:
`state=enabled;version=1;object=<unique identifier>`. It says of which object it speaks, because Re-key copies it to the
replacement.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from hyok.keymanagers.kmip import attributes
from hyok.keymanagers.kmip.attributes import Attribute, ReceivedAttribute
from hyok.keymanagers.kmip.ttlv import Item, ItemType, MalformedMessageError
from hyok.keymanagers.kmip.vocabulary import (
    AES,
    ALGORITHM_NAMES,
    REPLACED_OBJECT_LINK,
    AttributeKind,
    State,
    Tag,
)

NAMESPACE: Final = "hyok"
DRAFT: Final = "draft"
"""What a mark says until its object is known."""
AES_256_BITS: Final = 256


class Mark(NamedTuple):
    """What hyok wrote on an object."""

    is_enabled: bool
    version: int
    object_id: str
    """The object it was written on; another one's Unique Identifier if it was copied here."""

    def __str__(self) -> str:
        state = "enabled" if self.is_enabled else "disabled"
        return f"state={state};version={self.version};object={self.object_id}"


class MarkPlace(NamedTuple):
    """Where a mark, or the draft of one, stands on an object."""

    text: str
    position: int

    @property
    def attribute(self) -> Attribute:
        """The attribute that is there."""
        return attributes.application_information(NAMESPACE, self.text, position=self.position)


class KeyObject(NamedTuple):
    """A symmetric key object."""

    id: str
    """Its Unique Identifier."""
    state: State
    initial_date: int
    """When it was made, in Unix seconds, by the server's clock. It never changes (KMIP 2.1, 4.27)."""
    algorithm: int | None
    length_bits: int | None
    usage_mask: int
    names: tuple[str, ...]
    replaced_id: str | None
    """The object that this one replaced, if it was made by Re-key."""
    has_activation_date: bool
    mark: Mark | None
    mark_place: MarkPlace | None

    @property
    def key_spec(self) -> str:
        """`AES_256`, or what it is instead."""
        name = ALGORITHM_NAMES.get(self.algorithm or 0, f"algorithm {self.algorithm}")
        return f"{name}_{self.length_bits}"

    @property
    def is_aes_256(self) -> bool:
        """Whether it is of the only kind that XKS uses."""
        return self.algorithm == AES and self.length_bits == AES_256_BITS


WANTED_ATTRIBUTES: Final = (
    AttributeKind.STATE,
    AttributeKind.INITIAL_DATE,
    AttributeKind.ACTIVATION_DATE,
    AttributeKind.CRYPTOGRAPHIC_ALGORITHM,
    AttributeKind.CRYPTOGRAPHIC_LENGTH,
    AttributeKind.CRYPTOGRAPHIC_USAGE_MASK,
    AttributeKind.NAME,
    AttributeKind.LINK,
    AttributeKind.APPLICATION_SPECIFIC_INFORMATION,
)
"""All that a `KeyObject` is made of."""


def read_object(object_id: str, received: Sequence[ReceivedAttribute]) -> KeyObject:
    """Make a key object of its attributes. MalformedMessageError if State or Initial Date is missing or none."""
    state = _only(received, AttributeKind.STATE).number(ItemType.ENUMERATION)
    if state not in _STATES:
        raise MalformedMessageError(f"object {object_id} is in the unknown state {state}")
    mark_place = _find_mark(object_id, received)
    return KeyObject(
        id=object_id,
        state=_STATES[state],
        initial_date=_only(received, AttributeKind.INITIAL_DATE).number(ItemType.DATE_TIME),
        algorithm=_number(received, AttributeKind.CRYPTOGRAPHIC_ALGORITHM, ItemType.ENUMERATION),
        length_bits=_number(received, AttributeKind.CRYPTOGRAPHIC_LENGTH, ItemType.INTEGER),
        usage_mask=_number(received, AttributeKind.CRYPTOGRAPHIC_USAGE_MASK, ItemType.INTEGER) or 0,
        names=tuple(value.only(Tag.NAME_VALUE).text() for value in _values(received, AttributeKind.NAME)),
        replaced_id=_replaced(received),
        has_activation_date=bool(_values(received, AttributeKind.ACTIVATION_DATE)),
        mark=None if mark_place is None else _parse_mark(mark_place.text),
        mark_place=mark_place,
    )


def _values(received: Sequence[ReceivedAttribute], kind: AttributeKind) -> list[Item]:
    return [attribute.value for attribute in received if attribute.kind is kind]


def _only(received: Sequence[ReceivedAttribute], kind: AttributeKind) -> Item:
    values = _values(received, kind)
    if len(values) != 1:
        raise MalformedMessageError(f"the object has {len(values)} values of {kind.text}, not one")
    return values[0]


def _number(received: Sequence[ReceivedAttribute], kind: AttributeKind, type_: ItemType) -> int | None:
    return _only(received, kind).number(type_) if _values(received, kind) else None


def _replaced(received: Sequence[ReceivedAttribute]) -> str | None:
    for link in _values(received, AttributeKind.LINK):
        if link.only(Tag.LINK_TYPE).number(ItemType.ENUMERATION) == REPLACED_OBJECT_LINK:
            return link.only(Tag.LINKED_OBJECT_IDENTIFIER).text()
    return None


def _find_mark(object_id: str, received: Sequence[ReceivedAttribute]) -> MarkPlace | None:
    places = [
        MarkPlace(attribute.value.only(Tag.APPLICATION_DATA).text(), attribute.position)
        for attribute in received
        if attribute.kind is AttributeKind.APPLICATION_SPECIFIC_INFORMATION
        and attribute.value.only(Tag.APPLICATION_NAMESPACE).text() == NAMESPACE
    ]
    # A copied one may stand beside the object's own.
    places.sort(key=lambda place: not place.text.endswith(f";object={object_id}"))
    return places[0] if places else None


def _parse_mark(text: str) -> Mark | None:
    matched = _MARK.fullmatch(text)
    if matched is None:
        return None
    state, version, object_id = matched.groups()
    return Mark(state == "enabled", int(version), object_id)


_STATES: Final = {state.value: state for state in State}
_MARK: Final = re.compile(r"state=(enabled|disabled);version=([1-9][0-9]{0,9});object=(.+)", re.DOTALL)
