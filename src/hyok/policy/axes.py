"""All statements against one thing at once: which of them would a text satisfy?

A statement is a bit. Statements that ask nothing of the thing are satisfied by anything; negated ones (NotAction,
StringNotEquals …) by what their patterns do not match.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from hyok.policy.callers import Caller
from hyok.policy.matching import TextPattern
from hyok.policy.pattern_index import PatternIndex
from hyok.policy.principals import CompiledPrincipals
from hyok.policy.values import Context, text_of


class Demand(NamedTuple):
    """What one statement asks of a text."""

    bit: int
    patterns: Sequence[TextPattern]
    is_negated: bool


class TextAxis:
    """The demands of all statements on one text."""

    __slots__ = ("_index", "_negated", "_unconcerned")

    def __init__(self, demands: Iterable[Demand], *, everything: int) -> None:
        chosen = tuple(demands)
        self._index = PatternIndex((pattern, demand.bit) for demand in chosen for pattern in demand.patterns)
        self._negated = _joined(demand.bit for demand in chosen if demand.is_negated)
        self._unconcerned = everything & ~_joined(demand.bit for demand in chosen)

    def satisfied(self, text: str) -> int:
        """Return the statements that a text satisfies."""
        return (self._index.find(text) ^ self._negated) | self._unconcerned

    def satisfied_by_any(self, texts: Iterable[str]) -> int:
        """Return the statements that several texts satisfy: one of them if positive, none of them if negated."""
        found = _joined(map(self._index.find, texts))
        return (found ^ self._negated) | self._unconcerned


class ConditionAxis(NamedTuple):
    """The demands of all statements on one condition key."""

    key: str
    ignores_case: bool
    axis: TextAxis
    without_key: int
    """The statements that are satisfied if the request has not the key."""

    def satisfied(self, context: Context) -> int:
        """Return the statements that a request's context satisfies."""
        value = context.get(self.key, ())
        if value == ():
            return self.without_key
        if isinstance(value, tuple):
            return self.axis.satisfied_by_any(map(str.lower, value) if self.ignores_case else value)
        text = value if isinstance(value, str) else text_of(value)
        return self.axis.satisfied(text.lower() if self.ignores_case else text)


class PrincipalAxis:
    """The demands of all statements on the caller."""

    __slots__ = (
        "_accounts",
        "_delegating",
        "_everyone",
        "_excepting_any",
        "_excepting_whole",
        "_names",
        "_positive",
        "_providers",
        "_unconcerned",
    )

    def __init__(self, demands: Iterable[tuple[int, CompiledPrincipals]], *, everything: int) -> None:
        chosen = tuple(demands)
        self._names = PatternIndex((pattern, bit) for bit, one in chosen for pattern in one.names)
        self._accounts = PatternIndex((pattern, bit) for bit, one in chosen for pattern in one.accounts)
        self._providers = PatternIndex((pattern, bit) for bit, one in chosen for pattern in one.providers)
        self._everyone = _joined(bit for bit, one in chosen if one.is_everyone)
        self._positive = _joined(bit for bit, one in chosen if not one.is_negated)
        self._delegating = _joined(bit for bit, one in chosen if one.accounts_delegate and not one.is_negated)
        self._excepting_whole = _joined(bit for bit, one in chosen if one.accounts_delegate and one.is_negated)
        self._excepting_any = _joined(bit for bit, one in chosen if not one.accounts_delegate and one.is_negated)
        self._unconcerned = everything & ~_joined(bit for bit, _ in chosen)

    def satisfied(self, caller: Caller, provider: object) -> tuple[int, int]:
        """Return the statements that mean a caller, and those of them that mean it by its account alone.

        The same as `naming_of`, for all statements at once.
        """
        own = self._names.find(caller.own)
        role = self._names.find(caller.role) if caller.role else 0
        account = self._accounts.find(caller.account) | self._accounts.find(caller.root) if caller.root else 0
        anyway = self._everyone | (self._providers.find(provider) if isinstance(provider, str) else 0)
        if caller.is_root:
            own |= account
        directly = anyway | own | role
        named = directly | account
        satisfied = (named & self._positive) | (self._excepting_any & ~named) | self._unconcerned
        if self._excepting_whole:
            whole = own & (role if caller.role else own) & (account if caller.root else own)
            satisfied |= self._excepting_whole & ~(anyway | whole)
        return satisfied, account & ~directly & self._delegating


def _joined(masks: Iterable[int]) -> int:
    joined = 0
    for mask in masks:
        joined |= mask
    return joined
