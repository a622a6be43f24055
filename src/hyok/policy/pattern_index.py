"""Which of many patterns match one text, without trying each.

What a pattern is for is told by a bit mask: `find` returns all masks of the matching patterns, joined. Literals are one
look-up; patterns with wildcards are looked up by their literal beginning, once for each length that occurs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TypeVar

from hyok.policy.matching import Match, TextPattern
from hyok.policy.patterns import ARN_FIELDS

EntryT = TypeVar("EntryT")


class PatternIndex:
    """An index of patterns, made once."""

    __slots__ = ("_arns", "_by_literal", "_by_prefix", "_by_start", "_everything")

    def __init__(self, patterns: Iterable[tuple[TextPattern, int]]) -> None:
        self._everything = 0
        by_literal: defaultdict[str, int] = defaultdict(int)
        by_prefix: defaultdict[str, int] = defaultdict(int)
        by_start: defaultdict[str, list[tuple[Match, int]]] = defaultdict(list)
        arns: list[tuple[TextPattern, int]] = []
        for pattern, mask in patterns:
            if pattern.is_literal:
                by_literal[pattern.prefix] |= mask
            elif pattern.is_prefix and pattern.prefix:
                by_prefix[pattern.prefix] |= mask
            elif pattern.is_prefix:
                self._everything |= mask
            elif pattern.fields:
                arns.append((pattern, mask))
            else:
                by_start[pattern.prefix].append((pattern.matches, mask))
        self._arns = _ArnIndex(arns) if arns else None
        self._by_literal = dict(by_literal)
        self._by_prefix = _by_length(by_prefix)
        self._by_start = _by_length({start: tuple(rest) for start, rest in by_start.items()})

    def find(self, text: str) -> int:
        """Return the joined masks of the patterns that match."""
        found = self._everything | self._by_literal.get(text, 0)
        for length, masks in self._by_prefix:
            found |= masks.get(text[:length], 0)
        for length, rests in self._by_start:
            for matches, mask in rests.get(text[:length], ()):
                if mask & ~found and matches(text):
                    found |= mask
        return found | self._arns.find(text) if self._arns else found


class _ArnIndex:
    """ARNs with wildcards, looked up field by field; in each field, a pattern is a bit."""

    __slots__ = ("_fields", "_patterns")

    def __init__(self, patterns: list[tuple[TextPattern, int]]) -> None:
        self._patterns = tuple((pattern.matches, mask) for pattern, mask in patterns)
        self._fields = tuple(
            PatternIndex(
                (pattern.fields[field], 1 << place) for place, (pattern, _) in enumerate(patterns) if pattern.fields
            )
            for field in range(ARN_FIELDS)
        )

    def find(self, text: str) -> int:
        found = 0
        if text.count(":") != ARN_FIELDS - 1:
            for matches, mask in self._patterns:
                if mask & ~found and matches(text):
                    found |= mask
            return found
        places = -1
        for index, field in zip(self._fields, text.split(":"), strict=True):
            places &= index.find(field)
            if not places:
                return 0
        while places:
            lowest = places & -places
            found |= self._patterns[lowest.bit_length() - 1][1]
            places ^= lowest
        return found


def _by_length(entries: Mapping[str, EntryT]) -> tuple[tuple[int, dict[str, EntryT]], ...]:
    lengths: defaultdict[int, dict[str, EntryT]] = defaultdict(dict)
    for text, entry in entries.items():
        lengths[len(text)][text] = entry
    return tuple(sorted(lengths.items(), key=lambda item: item[0]))
