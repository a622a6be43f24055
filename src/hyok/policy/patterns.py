"""The texts of a policy, read: literal pieces, wildcards, and policy variables.

`*` stands for any number of characters, `?` for one; `${*}`, `${?}` and `${$}` for those characters themselves;
`${key}` for what the condition key is in the request, `${key, 'default'}` for that or a default.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Final, NamedTuple, overload

from hyok.policy.values import Context, text_of

ARN_FIELDS: Final = 6
_PIECE: Final = re.compile(
    r"""
        (?P<many>\*+)
      | (?P<one>\?)
      | \$\{ (?: (?P<escaped>[*?$]) | (?P<key>[^{}',$]+) (?: ,[ ]* '(?P<default>[^']*)' )? ) \}
      | (?P<broken>\$\{)
      | (?P<plain>[^*?$]+ | \$)
    """,
    re.VERBOSE,
)
_PIECE_WITHOUT_VARIABLES: Final = re.compile(r"(?P<many>\*+)|(?P<one>\?)|(?P<plain>[^*?]+)")


class Wildcard(Enum):
    """What stands for characters that are not written down."""

    MANY = "*"
    ONE = "?"


class Variable(NamedTuple):
    """A policy variable; `key` is in lower case."""

    key: str
    default: str | None


FixedPattern = tuple[str | Wildcard, ...]
"""A text with its wildcards; no two literal pieces stand side by side."""

Pattern = tuple[str | Wildcard | Variable, ...]
"""A text with its wildcards and policy variables."""


def parse_pattern(text: str, *, has_wildcards: bool, has_variables: bool) -> Pattern:
    """Read a text; ValueError if what begins a policy variable is none."""
    return _joined(_parts_of(text, has_wildcards=has_wildcards, has_variables=has_variables))


def variables_of(pattern: Pattern) -> tuple[Variable, ...]:
    """Return the variables of a pattern."""
    return tuple(part for part in pattern if isinstance(part, Variable))


def fixed(pattern: Pattern) -> FixedPattern | None:
    """Return a pattern that has no variables; else nothing."""
    parts = tuple(part for part in pattern if not isinstance(part, Variable))
    return parts if len(parts) == len(pattern) else None


def resolve(pattern: Pattern, context: Context) -> FixedPattern | None:
    """Put the request's values into a pattern, or return nothing if it lacks one that has no default.

    A value is taken literally: a `*` in it is an asterisk. A key with several values has none to put in.
    """
    parts: list[str | Wildcard] = []
    for part in pattern:
        if isinstance(part, Variable):
            value = context.get(part.key)
            found = part.default if value is None or isinstance(value, tuple) else text_of(value)
            if found is None:
                return None
            parts.append(found)
        else:
            parts.append(part)
    return _joined(parts)


def split_arn(pattern: Pattern) -> tuple[Pattern, ...]:
    """Return the six fields of an ARN, the last with all its colons; ValueError if there are fewer."""
    fields = split_fields(pattern)
    if len(fields) < ARN_FIELDS or fields[0] != ("arn",):
        raise ValueError("an ARN has six fields divided by colons, as arn:aws:iam::123456789012:role/name")
    return fields


@overload
def split_fields(pattern: FixedPattern) -> tuple[FixedPattern, ...]: ...
@overload
def split_fields(pattern: Pattern) -> tuple[Pattern, ...]: ...
def split_fields(pattern: Pattern) -> tuple[Pattern, ...]:
    """Divide a pattern at its first five colons."""
    fields: list[list[str | Wildcard | Variable]] = [[]]
    for part in pattern:
        if not isinstance(part, str):
            fields[-1].append(part)
            continue
        first, *others = part.split(":", ARN_FIELDS - len(fields))
        fields[-1].append(first)
        fields.extend([other] for other in others)
    return tuple(map(_joined, fields))


def _parts_of(text: str, *, has_wildcards: bool, has_variables: bool) -> Iterator[str | Wildcard | Variable]:
    for piece in (_PIECE if has_variables else _PIECE_WITHOUT_VARIABLES).finditer(text):
        kind = piece.lastgroup
        if kind in ("many", "one") and has_wildcards:
            yield Wildcard(piece[0][0])
        elif kind in ("many", "one", "plain"):
            yield piece[0]
        elif kind == "escaped":
            yield piece["escaped"]
        elif kind == "broken":
            raise ValueError("\"${\" begins no variable: ${key}, ${key, 'default'}, ${*}, ${?} or ${$}")
        else:
            yield Variable(piece["key"].strip().lower(), piece["default"])


@overload
def _joined(parts: Iterable[str | Wildcard]) -> FixedPattern: ...
@overload
def _joined(parts: Iterable[str | Wildcard | Variable]) -> Pattern: ...
def _joined(parts: Iterable[str | Wildcard | Variable]) -> Pattern:
    """Join neighbouring literals, and drop empty ones."""
    joined: list[str | Wildcard | Variable] = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(part, str) and isinstance(last, str):
            joined[-1] = last + part
        elif part != "":
            joined.append(part)
    return tuple(joined)
