"""JSON (RFC 8259) that remembers where everything stood, so that a fault can be shown at its place.

Stricter than the standard library: no member twice, no lone surrogate, no NaN, and no more nesting than allowed.
"""

from __future__ import annotations

import json
import re
from typing import Final, NamedTuple

from hyok.policy.errors import PolicyError, excerpt, quote

_BLANKS: Final = re.compile(r"[ \t\n\r]*")
_TOKEN: Final = re.compile(
    r"""
        (?P<mark>[][{}:,])
      | (?P<text>"[^"\\\x00-\x1f]*(?:\\.[^"\\\x00-\x1f]*)*")
      | (?P<word>(?:-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)(?![0-9A-Za-z_.+-]))
      | (?P<end>\Z)
    """,
    re.VERBOSE,
)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class JsonText(NamedTuple):
    """A string."""

    at: int
    text: str


class JsonWord(NamedTuple):
    """A number, `true`, `false` or `null`, as it was written."""

    at: int
    text: str


class JsonArray(NamedTuple):
    """An array."""

    at: int
    items: tuple[JsonNode, ...]


class JsonMember(NamedTuple):
    """A member of an object; `at` is where its name stands."""

    at: int
    name: str
    value: JsonNode


class JsonObject(NamedTuple):
    """An object, its members in the order of the document."""

    at: int
    members: tuple[JsonMember, ...]


JsonNode = JsonText | JsonWord | JsonArray | JsonObject


class JsonDocument(NamedTuple):
    """A document that was read."""

    text: str
    root: JsonNode

    def line_of(self, at: int) -> int:
        """Return the line, from 1, of an offset."""
        return self.text.count("\n", 0, at) + 1

    def fault(self, problem: str, at: int) -> PolicyError:
        """Return the error for a problem at an offset."""
        return fault_in(self.text, problem, at)


def read_json(text: str, *, max_depth: int) -> JsonDocument:
    """Read a document; PolicyError if it is not JSON or nests deeper than `max_depth`."""
    return JsonDocument(text, _Reader(text, max_depth=max_depth).read_all())


def fault_in(text: str, problem: str, at: int) -> PolicyError:
    """Return the error for a problem at an offset of a text."""
    return PolicyError(problem, line=text.count("\n", 0, at) + 1, column=at - text.rfind("\n", 0, at))


class _Reader:
    """Recursive descent over tokens, as deep as `max_depth`."""

    __slots__ = ("_at", "_kind", "_max_depth", "_next_at", "_text", "_written")

    def __init__(self, text: str, *, max_depth: int) -> None:
        self._text = text
        self._max_depth = max_depth
        self._next_at = 0
        self._step()

    def read_all(self) -> JsonNode:
        root = self._read_value(depth=1)
        if self._kind != "end":
            raise self._fault("expected nothing more")
        return root

    def _read_value(self, *, depth: int) -> JsonNode:
        at, written = self._at, self._written
        if self._kind == "text":
            text = self._decode_text()
            self._step()
            return JsonText(at, text)
        if self._kind == "word":
            self._step()
            return JsonWord(at, written)
        if written not in ("{", "["):
            raise self._fault("expected a value")
        if depth > self._max_depth:
            raise self._fault(f"nested deeper than {self._max_depth} levels")
        self._step()
        if written == "{":
            return JsonObject(at, self._read_members(depth=depth + 1))
        return JsonArray(at, self._read_items(depth=depth + 1))

    def _read_members(self, *, depth: int) -> tuple[JsonMember, ...]:
        members: dict[str, JsonMember] = {}
        if self._skip("}"):
            return ()
        while True:
            if self._kind != "text":
                raise self._fault("expected the name of a member, in double quotes")
            name, at = self._decode_text(), self._at
            if name in members:
                raise self._fault(f"{quote(name)} is here a second time")
            self._step()
            self._demand(":")
            members[name] = JsonMember(at, name, self._read_value(depth=depth))
            if self._skip("}"):
                return tuple(members.values())
            self._demand(",", or_end="}")

    def _read_items(self, *, depth: int) -> tuple[JsonNode, ...]:
        items: list[JsonNode] = []
        if self._skip("]"):
            return ()
        while True:
            items.append(self._read_value(depth=depth))
            if self._skip("]"):
                return tuple(items)
            self._demand(",", or_end="]")

    def _decode_text(self) -> str:
        text = self._written[1:-1]
        if "\\" in text:
            try:
                text = str(json.loads(self._written))
            except ValueError:
                raise self._fault("a backslash stands before what cannot be escaped") from None
        if _SURROGATE.search(text):
            raise self._fault("half of a surrogate pair is no character")
        return text

    def _skip(self, mark: str) -> bool:
        """Tell whether the token is this mark, and step over it if so."""
        is_there = self._written == mark
        if is_there:
            self._step()
        return is_there

    def _demand(self, mark: str, *, or_end: str = "") -> None:
        if not self._skip(mark):
            raise self._fault(f'expected "{mark}"' + (f' or "{or_end}"' if or_end else ""))

    def _step(self) -> None:
        start = _BLANKS.match(self._text, self._next_at)
        self._at = start.end() if start else self._next_at
        token = _TOKEN.match(self._text, self._at)
        if token is None:
            raise self._fault("no JSON begins here")
        self._kind, self._written, self._next_at = str(token.lastgroup), token[0], token.end()

    def _fault(self, problem: str) -> PolicyError:
        return fault_in(self._text, f"{problem}; found {excerpt(self._text, self._at)}", self._at)
