"""Taking the members and texts out of a document, with the fault where one is not as it must be."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from hyok.policy.dialects import Dialect
from hyok.policy.errors import PolicyError, quote, suggest
from hyok.policy.json_reader import JsonArray, JsonDocument, JsonMember, JsonNode, JsonObject, JsonText, JsonWord

MAX_TEXT_CHARACTERS: Final = 4096
"""Of one text in a policy: twice the longest ARN."""


class Source(NamedTuple):
    """What is being parsed, and as what."""

    document: JsonDocument
    dialect: Dialect
    has_variables: bool

    def fault(self, problem: str, at: int) -> PolicyError:
        """Return the error for a problem at an offset."""
        return self.document.fault(problem, at)


class PlacedText(NamedTuple):
    """A text and its offset."""

    text: str
    at: int


def members_of(source: Source, node: JsonNode, *, known: Collection[str], owner: str) -> Mapping[str, JsonMember]:
    """Return an object's members by name; a fault if it has one that is not known."""
    if not isinstance(node, JsonObject):
        raise source.fault(f"{owner} must be an object", node.at)
    for member in node.members:
        if member.name not in known:
            raise source.fault(f"{quote(member.name)} is no element of {owner}{suggest(member.name, known)}", member.at)
    return {member.name: member for member in node.members}


def text_of(source: Source, node: JsonNode, *, owner: str) -> PlacedText:
    """Return a text; a fault if it is something else, or too long."""
    if not isinstance(node, JsonText):
        raise source.fault(f"{owner} must be a text, in double quotes", node.at)
    if len(node.text) > MAX_TEXT_CHARACTERS:
        raise source.fault(f"{owner} must have at most {MAX_TEXT_CHARACTERS} characters", node.at)
    return PlacedText(node.text, node.at)


def texts_of(source: Source, node: JsonNode, *, owner: str) -> tuple[PlacedText, ...]:
    """Return a text, or an array's, of which there must be one at least."""
    return tuple(text_of(source, item, owner=owner) for item in _items_of(source, node, owner=owner))


def values_of(source: Source, node: JsonNode, *, owner: str) -> tuple[PlacedText, ...]:
    """Return texts, numbers, `true` and `false` as texts; one, or an array with one at least."""
    values = []
    for item in _items_of(source, node, owner=owner):
        if isinstance(item, JsonWord) and item.text != "null":
            values.append(PlacedText(item.text, item.at))
        else:
            values.append(text_of(source, item, owner=owner))
    return tuple(values)


def _items_of(source: Source, node: JsonNode, *, owner: str) -> tuple[JsonNode, ...]:
    if not isinstance(node, JsonArray):
        return (node,)
    if not node.items:
        raise source.fault(f"{owner} must not be empty", node.at)
    return node.items
