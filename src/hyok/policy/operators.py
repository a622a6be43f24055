"""The condition operators (IAM User Guide, "Condition operators" and "Set operators for multivalued context keys")."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from operator import eq, ge, gt, le, lt
from typing import Final, NamedTuple

from hyok.policy.errors import quote, suggest

Compare = Callable[[float, float], bool]
"""Relates the request's number or instant to the policy's."""


class Family(Enum):
    """What a value is taken for."""

    TEXT = "a text"
    TEXT_IGNORING_CASE = "a text in any case"
    TEXT_PATTERN = "a text with wildcards"
    ARN = "an ARN, wildcards within its fields"
    BOOL = "true or false"
    NUMBER = "a number"
    INSTANT = "an instant: ISO 8601, or Unix seconds"
    NETWORK = "an IP address or network"
    BINARY = "Base64"
    PRESENCE = "true (the key is absent) or false"

    @property
    def is_text(self) -> bool:
        """Whether values are compared as texts, so that they may have policy variables."""
        return self in _TEXT_FAMILIES


class Operator(NamedTuple):
    """An operator without qualifier and suffix."""

    name: str
    family: Family
    is_negated: bool
    compare: Compare = eq


class Qualifier(Enum):
    """How the several values of a condition key count."""

    FOR_ALL_VALUES = "ForAllValues"
    FOR_ANY_VALUE = "ForAnyValue"


class ConditionOperator(NamedTuple):
    """An operator as a condition has it."""

    operator: Operator
    qualifier: Qualifier | None
    if_exists: bool

    def __str__(self) -> str:
        qualifier = f"{self.qualifier.value}:" if self.qualifier else ""
        return f"{qualifier}{self.operator.name}{_IF_EXISTS if self.if_exists else ''}"

    @property
    def is_met_without_key(self) -> bool:
        """Whether the condition is met by a request that has not the condition key (not for Null).

        ForAnyValue finds no value and ForAllValues none that fails, whatever else the operator is.
        """
        if self.qualifier is not None:
            return self.qualifier is Qualifier.FOR_ALL_VALUES
        return self.operator.is_negated or self.if_exists


_TEXT_FAMILIES: Final = frozenset((Family.TEXT, Family.TEXT_IGNORING_CASE, Family.TEXT_PATTERN, Family.ARN))
_IF_EXISTS: Final = "IfExists"

OPERATORS: Final = (
    Operator("StringEquals", Family.TEXT, is_negated=False),
    Operator("StringNotEquals", Family.TEXT, is_negated=True),
    Operator("StringEqualsIgnoreCase", Family.TEXT_IGNORING_CASE, is_negated=False),
    Operator("StringNotEqualsIgnoreCase", Family.TEXT_IGNORING_CASE, is_negated=True),
    Operator("StringLike", Family.TEXT_PATTERN, is_negated=False),
    Operator("StringNotLike", Family.TEXT_PATTERN, is_negated=True),
    Operator("ArnEquals", Family.ARN, is_negated=False),
    Operator("ArnNotEquals", Family.ARN, is_negated=True),
    Operator("ArnLike", Family.ARN, is_negated=False),
    Operator("ArnNotLike", Family.ARN, is_negated=True),
    Operator("Bool", Family.BOOL, is_negated=False),
    Operator("NumericEquals", Family.NUMBER, is_negated=False),
    Operator("NumericNotEquals", Family.NUMBER, is_negated=True),
    Operator("NumericLessThan", Family.NUMBER, is_negated=False, compare=lt),
    Operator("NumericLessThanEquals", Family.NUMBER, is_negated=False, compare=le),
    Operator("NumericGreaterThan", Family.NUMBER, is_negated=False, compare=gt),
    Operator("NumericGreaterThanEquals", Family.NUMBER, is_negated=False, compare=ge),
    Operator("DateEquals", Family.INSTANT, is_negated=False),
    Operator("DateNotEquals", Family.INSTANT, is_negated=True),
    Operator("DateLessThan", Family.INSTANT, is_negated=False, compare=lt),
    Operator("DateLessThanEquals", Family.INSTANT, is_negated=False, compare=le),
    Operator("DateGreaterThan", Family.INSTANT, is_negated=False, compare=gt),
    Operator("DateGreaterThanEquals", Family.INSTANT, is_negated=False, compare=ge),
    Operator("IpAddress", Family.NETWORK, is_negated=False),
    Operator("NotIpAddress", Family.NETWORK, is_negated=True),
    Operator("BinaryEquals", Family.BINARY, is_negated=False),
    Operator("Null", Family.PRESENCE, is_negated=False),
)

_BY_FOLDED_NAME: Final = {operator.name.lower(): operator for operator in OPERATORS}
_QUALIFIERS: Final = {qualifier.value.lower(): qualifier for qualifier in Qualifier}


def parse_operator(text: str) -> ConditionOperator:
    """Read an operator's name, in any case as AWS does; ValueError with the nearest name if there is none such."""
    qualifier_text, colon, name = text.rpartition(":")
    qualifier = _QUALIFIERS.get(qualifier_text.lower())
    if colon and qualifier is None:
        known = (one.value for one in Qualifier)
        raise ValueError(f"{quote(qualifier_text)} is no set operator{suggest(qualifier_text, known)}")
    if_exists = name.lower().endswith(_IF_EXISTS.lower())
    base = name[: -len(_IF_EXISTS)] if if_exists else name
    operator = _BY_FOLDED_NAME.get(base.lower())
    if operator is None:
        known = (one.name for one in OPERATORS)
        raise ValueError(f"{quote(text)} is no condition operator{suggest(base, known)}")
    if operator.family is Family.PRESENCE and (if_exists or qualifier):
        raise ValueError("Null stands alone: it takes neither IfExists nor a set operator")
    return ConditionOperator(operator, qualifier, if_exists)
