"""What the model demands of one value, with the sentence in which AWS says so."""

from __future__ import annotations

import re
from collections.abc import Callable, Sized
from typing import Any, Final, NamedTuple

from hyok.awsjson.model import Shape, ShapeType
from hyok.awsjson.patterns import translate_pattern

NOT_NULL: Final = "Member must not be null"


class Constraint(NamedTuple):
    """One demand: the sentence, and whether a value of the shape's type meets it."""

    text: str
    is_met: Callable[[Any], bool]


def constraints_of(shape: Shape) -> tuple[Constraint, ...]:
    """Return a shape's own constraints in the order in which AWS names them, not those of its members."""
    constraints = []
    if shape.maximum is not None:
        constraints.append(_at_most(shape, shape.maximum))
    if shape.minimum is not None:
        constraints.append(_at_least(shape, shape.minimum))
    if shape.pattern is not None:
        matches = re.compile(translate_pattern(shape.pattern)).search
        text = f"Member must satisfy regular expression pattern: {shape.pattern}"
        constraints.append(Constraint(text, lambda value: matches(value) is not None))
    if shape.enum:
        values = frozenset(shape.enum)
        text = f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
        constraints.append(Constraint(text, lambda value: value in values))
    if shape.is_empty_allowed:
        return tuple(Constraint(text, _or_empty(is_met)) for text, is_met in constraints)
    return tuple(constraints)


def _at_most(shape: Shape, limit: int) -> Constraint:
    if shape.type is ShapeType.INTEGER:
        return Constraint(f"Member must have value less than or equal to {limit}", lambda value: value <= limit)
    return Constraint(f"Member must have length less than or equal to {limit}", lambda value: len(value) <= limit)


def _at_least(shape: Shape, limit: int) -> Constraint:
    if shape.type is ShapeType.INTEGER:
        return Constraint(f"Member must have value greater than or equal to {limit}", lambda value: value >= limit)
    return Constraint(f"Member must have length greater than or equal to {limit}", lambda value: len(value) >= limit)


def _or_empty(is_met: Callable[[Any], bool]) -> Callable[[Sized], bool]:
    return lambda value: len(value) == 0 or is_met(value)
