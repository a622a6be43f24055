"""From the values of a shape to AWS's ValidationException, in AWS's own words.

A member's path is written in lower camel case, counts list members from 1 and calls each of them `member`:
`tags.1.member.tagKey`. A list or map of plain values is judged as one value. Neither a sensitive value nor a blob is
ever echoed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from hyok.awsjson.constraints import NOT_NULL, Constraint, constraints_of
from hyok.awsjson.errors import AwsError
from hyok.awsjson.model import Model, Shape, ShapeReference, ShapeType

Check = Callable[[Any, str, list[str]], None]
"""Takes a shape's value and its path; appends each violation."""

_MOST_VIOLATIONS: Final = 10
"""AWS names no more than ten in one message."""
_PRESENT: Final = Constraint(NOT_NULL, lambda value: value is not None)


def build_check(model: Model, reference: ShapeReference | None) -> Check:
    """Return the check of a shape and all below it."""
    shape = model.shape(reference)
    match shape.type:
        case ShapeType.STRUCTURE:
            return _structure_check(model, shape)
        case ShapeType.LIST:
            return _list_check(model, shape)
        case ShapeType.MAP:
            return _map_check(model, shape)
        case ShapeType.STRING | ShapeType.INTEGER | ShapeType.BOOLEAN | ShapeType.BLOB | ShapeType.TIMESTAMP:
            return _own_check(shape, is_shown=_is_shown(shape))


def validate(value: object, check: Check) -> None:
    """Raise ValidationException with every violation, the first ten at most."""
    violations: list[str] = []
    check(value, "", violations)
    if violations:
        raise _validation_error(violations[:_MOST_VIOLATIONS])


def null_member_error(member: str) -> AwsError:
    """Return the ValidationException for a top-level member that is missing, such as `CiphertextBlob`.

    For operations that need a member only sometimes, which the model cannot say.
    """
    return _validation_error([_violation(" null", _lower_first(member), NOT_NULL)])


def _structure_check(model: Model, shape: Shape) -> Check:
    members = [
        (name, name in shape.required, model.shape(reference).sensitive, build_check(model, reference))
        for name, reference in shape.members.items()
    ]

    def check(value: Mapping[str, object], path: str, violations: list[str]) -> None:
        prefix = f"{path}." if path else ""
        for name, is_required, is_sensitive, check_member in members:
            member = value.get(name)
            if member is not None:
                check_member(member, prefix + _lower_first(name), violations)
            elif is_required:
                violations.append(_violation("" if is_sensitive else " null", prefix + _lower_first(name), NOT_NULL))

    return check


def _list_check(model: Model, shape: Shape) -> Check:
    if model.shape(shape.member).type is not ShapeType.STRUCTURE:
        return _plain_list_check(shape, _plain(model, shape.member))
    check_own = _own_check(shape, is_shown=False)
    check_member = build_check(model, shape.member)

    def check(value: list[Any], path: str, violations: list[str]) -> None:
        check_own(value, path, violations)
        for number, element in enumerate(value, start=1):
            check_member(element, f"{path}.{number}.member", violations)
            if len(violations) >= _MOST_VIOLATIONS:
                return

    return check


def _plain_list_check(shape: Shape, member: Shape) -> Check:
    constraints = constraints_of(member)
    # Not recorded from KMS; Lambda and IAM name this last, for an element as for a map's value.
    text = f"Member must satisfy constraint: {_in_brackets((*constraints, _PRESENT))}"
    is_shown = _is_shown(member) and _is_shown(shape)

    def check(value: list[Any], path: str, violations: list[str]) -> None:
        if not _are_met(constraints, value):
            violations.append(_violation(_shown(value) if is_shown else "", path, text))

    return _all_of(_own_check(shape, is_shown=is_shown), check)


def _map_check(model: Model, shape: Shape) -> Check:
    key_shape, value_shape = _plain(model, shape.key), _plain(model, shape.value)
    keys, values = constraints_of(key_shape), constraints_of(value_shape)
    key_text = f"Map keys must satisfy constraint: {_in_brackets(keys)}"
    value_text = f"Map value must satisfy constraint: {_in_brackets((*values, _PRESENT))}"
    is_shown = _is_shown(shape) and _is_shown(key_shape) and _is_shown(value_shape)

    def check(value: dict[str, Any], path: str, violations: list[str]) -> None:
        if not _are_met(keys, value):
            violations.append(_violation(_shown(value) if is_shown else "", path, key_text))
        if not _are_met((_PRESENT, *values), value.values()):
            violations.append(_violation(_shown(value) if is_shown else "", path, value_text))

    return _all_of(_own_check(shape, is_shown=is_shown), check)


def _plain(model: Model, reference: ShapeReference | None) -> Shape:
    shape = model.shape(reference)
    if shape.type in {ShapeType.STRUCTURE, ShapeType.LIST, ShapeType.MAP}:
        raise ValueError(f"how AWS words a violation in a {shape.type.value} at this place is not known: {reference}")
    return shape


def _own_check(shape: Shape, *, is_shown: bool) -> Check:
    constraints = constraints_of(shape)

    def check(value: object, path: str, violations: list[str]) -> None:
        violations.extend(
            _violation(_shown(value) if is_shown else "", path, constraint.text)
            for constraint in constraints
            if not constraint.is_met(value)
        )

    return check


def _all_of(first: Check, second: Check) -> Check:
    def check(value: object, path: str, violations: list[str]) -> None:
        first(value, path, violations)
        second(value, path, violations)

    return check


def _are_met(constraints: tuple[Constraint, ...], values: Iterable[Any]) -> bool:
    return all(constraint.is_met(value) for value in values for constraint in constraints)


def _is_shown(shape: Shape) -> bool:
    return not shape.sensitive and shape.type is not ShapeType.BLOB


def _shown(value: object) -> str:
    """Write a value as Java does: `[a, b]`, `{k=v}`."""
    if isinstance(value, list):
        return f" '[{', '.join(map(str, value))}]'"
    if isinstance(value, dict):
        return f" '{{{', '.join(f'{key}={_or_null(member)}' for key, member in value.items())}}}'"
    return f" '{value}'"


def _or_null(value: object) -> object:
    return "null" if value is None else value


def _in_brackets(constraints: tuple[Constraint, ...]) -> str:
    return f"[{', '.join(constraint.text for constraint in constraints)}]"


def _violation(shown_value: str, path: str, constraint: str) -> str:
    return f"Value{shown_value} at '{path}' failed to satisfy constraint: {constraint}"


def _lower_first(name: str) -> str:
    return name[0].lower() + name[1:]


def _validation_error(violations: list[str]) -> AwsError:
    count = f"{len(violations)} validation error{'s' if len(violations) > 1 else ''} detected: "
    return AwsError("ValidationException", count + "; ".join(violations))
