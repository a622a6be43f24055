"""A policy as it was read: checked, but nothing compiled yet."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from hyok.policy.dialects import Dialect
from hyok.policy.operators import ConditionOperator


class Effect(Enum):
    """What a statement does where it applies."""

    ALLOW = "Allow"
    DENY = "Deny"


class PrincipalKind(Enum):
    """What an entry of Principal names."""

    EVERYONE = "everyone"
    ACCOUNT = "account"
    AWS = "AWS"
    SERVICE = "Service"
    FEDERATED = "Federated"


class PrincipalEntry(NamedTuple):
    """One entry of Principal or NotPrincipal, as written."""

    kind: PrincipalKind
    text: str


class Principals(NamedTuple):
    """Principal, or NotPrincipal."""

    entries: tuple[PrincipalEntry, ...]
    is_negated: bool


class Choice(NamedTuple):
    """Action or Resource, or NotAction or NotResource; texts as written."""

    texts: tuple[str, ...]
    is_negated: bool


class Condition(NamedTuple):
    """One condition key under one operator."""

    operator: ConditionOperator
    key: str
    """As written; it is looked up in lower case."""
    texts: tuple[str, ...]
    """The values, as written; `true`, `false` and numbers as the texts they are in JSON."""


class Statement(NamedTuple):
    """One statement."""

    label: str
    """The Sid, or `statement 3` for the third if it has none."""
    line: int
    effect: Effect
    principals: Principals | None
    """None where the dialect has none: the statement is about whoever the policy is attached to."""
    actions: Choice
    resources: Choice | None
    conditions: tuple[Condition, ...]


class Policy(NamedTuple):
    """One document."""

    dialect: Dialect
    id: str | None
    has_variables: bool
    """Whether `${…}` is a policy variable in it."""
    statements: tuple[Statement, ...]
