"""Matching texts against wildcards in linear time.

Between two `*` the leftmost place is always good enough, so a matcher never goes back: each piece is searched once,
from where the last one ended. A piece without `?` is searched by `str.find`; one with `?` by shift-and, which keeps the
state of all beginnings in the bits of one number. No backtracking regular expression is ever made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import NamedTuple

from hyok.policy.patterns import ARN_FIELDS, FixedPattern, Wildcard, split_fields

Match = Callable[[str], bool]


class TextPattern(NamedTuple):
    """A compiled pattern."""

    matches: Match
    prefix: str
    """The literal beginning that every matching text has."""
    is_literal: bool
    """Whether only `prefix` itself matches."""
    is_prefix: bool
    """Whether everything that begins with `prefix` matches."""
    fields: tuple[TextPattern, ...] | None = None
    """Of an ARN with wildcards: what its six fields have to match. Enough for a text with just five colons."""


def compile_text(pattern: FixedPattern) -> TextPattern:
    """Compile a pattern whose wildcards stand for any characters."""
    is_prefix = pattern == (Wildcard.MANY,) or (_is_text(pattern[:1]) and pattern[1:] == (Wildcard.MANY,))
    return TextPattern(_matcher(pattern), _prefix_of(pattern), _is_text(pattern), is_prefix)


def compile_resource(pattern: FixedPattern) -> TextPattern:
    """Compile an ARN whose wildcards may reach beyond their field."""
    compiled = compile_text(pattern)
    if sum(part.count(":") for part in pattern if isinstance(part, str)) != ARN_FIELDS - 1:
        return compiled
    # With as many colons as the text has, no wildcard is left to stand for one.
    return compiled._replace(fields=tuple(map(compile_text, split_fields(pattern))))


def compile_arn(fields: Sequence[FixedPattern]) -> TextPattern:
    """Compile the fields of an ARN, whose wildcards do not reach beyond their field."""
    compiled = tuple(map(compile_text, fields))
    literal = tuple(takewhile(_is_literal_name, compiled[:-1]))
    start = "".join(f"{name.prefix}:" for name in literal)
    last = compiled[-1]
    if len(literal) == ARN_FIELDS - 1:
        return TextPattern(
            lambda text: text.startswith(start) and last.matches(text[len(start) :]),
            start + last.prefix,
            last.is_literal,
            last.is_prefix,
            compiled,
        )

    def matches(text: str) -> bool:
        found = text.split(":", ARN_FIELDS - 1)
        return len(found) == ARN_FIELDS and all(field.matches(one) for field, one in zip(compiled, found, strict=True))

    return TextPattern(matches, start, is_literal=False, is_prefix=False, fields=compiled)


def _is_literal_name(field: TextPattern) -> bool:
    """Tell whether a field before the last is one text. One with a colon, out of a variable, can match no field."""
    return field.is_literal and ":" not in field.prefix


def _is_text(pattern: FixedPattern) -> bool:
    return all(isinstance(part, str) for part in pattern)


def _prefix_of(pattern: FixedPattern) -> str:
    return pattern[0] if pattern and isinstance(pattern[0], str) else ""


def _matcher(pattern: FixedPattern) -> Match:
    if len(pattern) < 2 and Wildcard.ONE not in pattern:
        return _simple_matcher(pattern)
    if Wildcard.MANY not in pattern:
        only = _Piece(pattern)
        return lambda text: len(text) == only.length and only.stands(text, 0)
    pieces = _pieces_of(pattern)
    head, *middle, tail = pieces
    shortest = sum(piece.length for piece in pieces)

    def matches(text: str) -> bool:
        at, end = head.length, len(text) - tail.length
        if len(text) < shortest or not head.stands(text, 0) or not tail.stands(text, end):
            return False
        for piece in middle:
            at = piece.find(text, at, end)
            if at < 0:
                return False
            at += piece.length
        return True

    return matches


def _simple_matcher(pattern: FixedPattern) -> Match:
    """Make the matcher of one literal, of nothing, or of anything."""
    literal = _prefix_of(pattern)
    return literal.__eq__ if literal or not pattern else lambda _: True


class _Piece:
    """What stands between two `*`: characters, some of which may be any."""

    __slots__ = ("_any", "_literals", "_positions", "length")

    def __init__(self, parts: FixedPattern) -> None:
        self.length = 0
        self._any = 0
        literals: list[tuple[int, str]] = []
        for part in parts:
            if isinstance(part, str):
                literals.append((self.length, part))
                self.length += len(part)
            else:
                self._any |= 1 << self.length
                self.length += 1
        self._literals = tuple(literals)
        self._positions = self._positions_by_character() if self._any else {}

    def stands(self, text: str, at: int) -> bool:
        """Tell whether the piece stands at a place of a text that is long enough."""
        return all(text.startswith(literal, at + offset) for offset, literal in self._literals)

    def find(self, text: str, start: int, end: int) -> int:
        """Return the leftmost place between `start` and `end`, or -1."""
        if not self._any:
            return text.find(self._literals[0][1], start, end) if self._literals else start
        beginnings, whole = 0, 1 << (self.length - 1)
        for at in range(start, end):
            beginnings = (beginnings << 1 | 1) & self._positions.get(text[at], self._any)
            if beginnings & whole:
                return at - self.length + 1
        return -1

    def _positions_by_character(self) -> dict[str, int]:
        positions: dict[str, int] = {}
        for offset, literal in self._literals:
            for place, character in enumerate(literal, offset):
                positions[character] = positions.get(character, self._any) | 1 << place
        return positions


def _pieces_of(pattern: FixedPattern) -> list[_Piece]:
    pieces: list[list[str | Wildcard]] = [[]]
    for part in pattern:
        if part is Wildcard.MANY:
            pieces.append([])
        else:
            pieces[-1].append(part)
    return [_Piece(tuple(piece)) for piece in pieces]
