"""Finding the statements that may apply to a request, without looking at each.

Every statement is a bit. One axis for the action, one for the resource, one for the caller and one for each condition
key leave the bits of the statements that they satisfy. What is in no axis (numbers, instants, addresses, variables,
some set operators) is the rest of a statement; it is tested for the few that are left, and once for all statements that
have the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from hyok.policy.axes import ConditionAxis, Demand, PrincipalAxis, TextAxis
from hyok.policy.callers import read_caller
from hyok.policy.conditions import CompiledCondition, IsMet
from hyok.policy.document import Condition
from hyok.policy.operators import Family, Qualifier
from hyok.policy.principals import FEDERATED_PROVIDER_KEY
from hyok.policy.statements import CompiledStatement
from hyok.policy.values import Request


class Candidates(NamedTuple):
    """Statements as bits."""

    satisfied: int
    """Those that all axes leave."""
    by_account: int
    """Those that mean the caller by its account alone."""


class _AxisName(NamedTuple):
    """Conditions share an axis if they look at the same thing; a statement's second one on a key has another."""

    key: str
    ignores_case: bool
    occurrence: int


class _Conditions(NamedTuple):
    """The conditions of all statements that go by the same axis."""

    demands: list[Demand]
    without_key: list[int]


class StatementIndex:
    """An index of statements, made once; the first statement is bit 1, the second bit 2, the third bit 4 …"""

    __slots__ = ("_actions", "_condition_axes", "_principals", "_resources", "rests", "tests")

    def __init__(self, statements: Sequence[CompiledStatement]) -> None:
        everything = (1 << len(statements)) - 1
        numbered = [(1 << place, statement) for place, statement in enumerate(statements)]
        self._actions = TextAxis(
            [Demand(bit, one.actions.patterns, one.actions.is_negated) for bit, one in numbered], everything=everything
        )
        self._resources = TextAxis(
            [
                Demand(bit, one.resources.patterns, one.resources.is_negated)
                for bit, one in numbered
                if one.resources and not one.resources.templates
            ],
            everything=everything,
        )
        self._principals = PrincipalAxis(
            [(bit, one.principals) for bit, one in numbered if one.principals], everything=everything
        )
        conditions, rests = _divide_conditions(numbered)
        self._condition_axes = tuple(
            ConditionAxis(
                name.key,
                name.ignores_case,
                TextAxis(group.demands, everything=everything),
                everything & ~sum(demand.bit for demand in group.demands) | sum(group.without_key),
            )
            for name, group in conditions.items()
        )
        self.tests, self.rests = _number_tests(rests)

    def find(self, request: Request) -> Candidates:
        """Return the statements whose axes a request satisfies."""
        satisfied = self._actions.satisfied(request.action.lower())
        if satisfied:
            satisfied &= self._resources.satisfied(request.resource)
        if not satisfied:
            return Candidates(0, 0)
        caller = read_caller(request.principal)
        meant, by_account = self._principals.satisfied(caller, request.context.get(FEDERATED_PROVIDER_KEY))
        satisfied &= meant
        for axis in self._condition_axes:
            if not satisfied:
                break
            satisfied &= axis.satisfied(request.context)
        return Candidates(satisfied, by_account)


def _divide_conditions(
    numbered: Sequence[tuple[int, CompiledStatement]],
) -> tuple[dict[_AxisName, _Conditions], list[list[CompiledCondition]]]:
    """Return the conditions that go into axes, and for each statement those that are left."""
    groups: defaultdict[_AxisName, _Conditions] = defaultdict(lambda: _Conditions([], []))
    rests: list[list[CompiledCondition]] = []
    for bit, statement in numbered:
        rest: list[CompiledCondition] = []
        seen: set[_AxisName] = set()
        for compiled in statement.conditions:
            condition = compiled.condition
            is_volatile = condition.key.lower() in statement.volatile_keys
            if compiled.patterns is None or is_volatile or not _counts_like_an_axis(condition):
                rest.append(compiled)
                continue
            name = _name_axis(condition, seen)
            groups[name].demands.append(Demand(bit, compiled.patterns, condition.operator.operator.is_negated))
            if condition.operator.is_met_without_key:
                groups[name].without_key.append(bit)
        rests.append(rest)
    return groups, rests


def _number_tests(rests: list[list[CompiledCondition]]) -> tuple[tuple[IsMet, ...], tuple[int, ...]]:
    """Return the tests that differ, and for each statement its own as bits.

    The keys belong to what makes two tests the same, because they tell whether `${…}` is a variable.
    """
    numbers: dict[tuple[Condition, frozenset[str]], int] = {}
    tests: list[IsMet] = []
    masks: list[int] = []
    for rest in rests:
        mask = 0
        for compiled in rest:
            number = numbers.setdefault((compiled.condition, compiled.keys), len(tests))
            if number == len(tests):
                tests.append(compiled.is_met)
            mask |= 1 << number
        masks.append(mask)
    return tuple(tests), tuple(masks)


def _counts_like_an_axis(condition: Condition) -> bool:
    """Tell whether several values satisfy a condition if one matches, or a negated one if none does."""
    qualifier = condition.operator.qualifier
    if condition.operator.operator.is_negated:
        return qualifier is not Qualifier.FOR_ANY_VALUE
    return qualifier is not Qualifier.FOR_ALL_VALUES


def _name_axis(condition: Condition, seen: set[_AxisName]) -> _AxisName:
    ignores_case = condition.operator.operator.family is Family.TEXT_IGNORING_CASE
    occurrence = 0
    while (name := _AxisName(condition.key.lower(), ignores_case, occurrence)) in seen:
        occurrence += 1
    seen.add(name)
    return name
