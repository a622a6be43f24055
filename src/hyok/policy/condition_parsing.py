"""The Condition element (IAM User Guide, "Condition")."""

from __future__ import annotations

import re
from typing import Final

from hyok.policy.conditions import compile_condition, read_text
from hyok.policy.document import Condition, Effect
from hyok.policy.elements import PlacedText, Source, values_of
from hyok.policy.errors import quote, suggest
from hyok.policy.json_reader import JsonMember, JsonNode, JsonObject
from hyok.policy.operators import ConditionOperator, parse_operator
from hyok.policy.patterns import Pattern, variables_of

_KEY: Final = re.compile(r"[A-Za-z0-9-]+:[^\x00-\x1f]+")
_FAMILY_ENDS: Final = (":", "/")


def parse_conditions(source: Source, node: JsonNode, *, effect: Effect) -> tuple[Condition, ...]:
    """Read all conditions, in the order of the document."""
    if not isinstance(node, JsonObject):
        raise source.fault("Condition must be an object", node.at)
    return tuple(condition for member in node.members for condition in _parse_operator(source, member, effect=effect))


def refuse_unknown_variables(source: Source, pattern: Pattern, *, effect: Effect, at: int) -> None:
    """Raise for a variable that names no condition key, or lacks the default that its dialect demands."""
    for variable in variables_of(pattern):
        _refuse_unknown_key(source, variable.key, at)
        if effect is Effect.DENY and source.dialect.deny_variables_need_defaults and variable.default is None:
            problem = f"without {variable.key} in the request this statement would deny nothing"
            raise source.fault(f"{problem}; give a default, as ${{{variable.key}, 'none'}}", at)


def _parse_operator(source: Source, member: JsonMember, *, effect: Effect) -> tuple[Condition, ...]:
    try:
        operator = parse_operator(member.name)
    except ValueError as error:
        raise source.fault(str(error), member.at) from None
    if not isinstance(member.value, JsonObject) or not member.value.members:
        raise source.fault(f"{operator} must be an object with a condition key at least", member.value.at)
    return tuple(_parse_condition(source, operator, key, effect=effect) for key in member.value.members)


def _parse_condition(source: Source, operator: ConditionOperator, key: JsonMember, *, effect: Effect) -> Condition:
    if not _KEY.fullmatch(key.name):
        raise source.fault(f"{quote(key.name)} is no condition key; one is written as aws:SourceVpc", key.at)
    _refuse_unknown_key(source, key.name, key.at)
    values = values_of(source, key.value, owner=key.name)
    for value in values:
        _refuse_unreadable(source, operator, value, key=key.name, effect=effect)
    return Condition(operator, key.name, tuple(value.text for value in values))


def _refuse_unreadable(
    source: Source, operator: ConditionOperator, value: PlacedText, *, key: str, effect: Effect
) -> None:
    family = operator.operator.family
    try:
        compile_condition(Condition(operator, key, (value.text,)), has_variables=source.has_variables)
        fields = read_text(family, value.text, has_variables=source.has_variables) if family.is_text else ()
    except ValueError as error:
        reason = f" ({error})" if family.is_text else ""
        raise source.fault(
            f"{quote(value.text)} is not what {operator} takes: {family.value}{reason}", value.at
        ) from None
    for field in fields:
        refuse_unknown_variables(source, field, effect=effect, at=value.at)


def _refuse_unknown_key(source: Source, key: str, at: int) -> None:
    known = source.dialect.condition_keys
    if known and not any(_is_key(key.lower(), one.lower()) for one in known):
        names = (f"{one}NAME" if one.endswith(_FAMILY_ENDS) else one for one in known)
        raise source.fault(f"{quote(key)} is no condition key of {source.dialect.title}{suggest(key, names)}", at)


def _is_key(key: str, known: str) -> bool:
    """Tell whether a key is a known one, or one of a known family."""
    return key.startswith(known) and key != known if known.endswith(_FAMILY_ENDS) else key == known
