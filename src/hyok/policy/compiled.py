"""Policies, compiled once: what they decide, and what they look at.

A Deny that applies decides; else an Allow that means the caller itself; else an Allow that means its account, which
delegates; else nothing is allowed (IAM User Guide, "Policy evaluation logic").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hyok.policy.choices import is_chosen
from hyok.policy.decision import NOT_ALLOWED, Decision, Outcome
from hyok.policy.document import Choice, Effect, Policy
from hyok.policy.statement_index import StatementIndex
from hyok.policy.statements import CompiledStatement, compile_statement
from hyok.policy.values import Request


class Inputs(NamedTuple):
    """What decisions depend on, besides principal, action and resource. Names are in lower case."""

    lasting_keys: tuple[str, ...]
    """Condition keys, sorted."""
    volatile_keys: tuple[str, ...]
    """Condition keys that only statements of the moment look at, sorted; a judgement that is lasting has not."""
    tells_resources_apart: bool
    """Whether a statement is about some resources and not about others."""

    @property
    def keys(self) -> frozenset[str]:
        """All condition keys that a request's context is asked for: no others need be in it."""
        return frozenset((*self.lasting_keys, *self.volatile_keys))


class Judgement(NamedTuple):
    """A decision, and whether it holds for every request with the same principal, action, resource and lasting keys."""

    decision: Decision
    is_lasting: bool


class CompiledPolicies:
    """Several policies that decide together; made by `compile_policies`."""

    __slots__ = ("_allows", "_decisions", "_delegated", "_denies", "_index", "_volatile", "inputs", "statements")

    def __init__(self, statements: tuple[CompiledStatement, ...]) -> None:
        self.statements = statements
        self.inputs = _inputs_of(statements)
        self._index = StatementIndex(statements)
        self._decisions = tuple(one.decision for one in statements)
        self._delegated = tuple(one.decision._replace(outcome=Outcome.DELEGATED) for one in statements)
        self._denies = self._allows = self._volatile = 0
        for place, one in enumerate(statements):
            self._volatile |= bool(one.volatile_keys) << place
            if one.statement.effect is Effect.DENY:
                self._denies |= 1 << place
            else:
                self._allows |= 1 << place

    def decide(self, request: Request) -> Decision:
        """Decide on a request."""
        return self.judge(request).decision

    def judge(self, request: Request) -> Judgement:
        """Decide on a request, and tell whether the decision may be remembered."""
        satisfied, by_account = self._index.find(request)
        is_lasting = not satisfied & self._volatile
        remainder = _Remainder(self._index, self.statements, request)
        denying = remainder.first_that_holds(satisfied & self._denies)
        if denying >= 0:
            return Judgement(self._decisions[denying], is_lasting)
        allows = satisfied & self._allows
        allowing = remainder.first_that_holds(allows & ~by_account)
        if allowing >= 0:
            return Judgement(self._decisions[allowing], is_lasting)
        delegating = remainder.first_that_holds(allows & by_account)
        return Judgement(NOT_ALLOWED if delegating < 0 else self._delegated[delegating], is_lasting)


class _Remainder:
    """What the index leaves to test for one request. A test that several statements have is made once."""

    __slots__ = ("_failed", "_index", "_passed", "_request", "_statements")

    def __init__(self, index: StatementIndex, statements: tuple[CompiledStatement, ...], request: Request) -> None:
        self._index = index
        self._statements = statements
        self._request = request
        self._passed = self._failed = 0

    def first_that_holds(self, candidates: int) -> int:
        """Return the place of the first candidate whose remaining tests hold too, or -1."""
        while candidates:
            lowest = candidates & -candidates
            place = lowest.bit_length() - 1
            tests = self._index.rests[place]
            if not tests & self._failed and self._passes(tests & ~self._passed) and self._is_about_resource(place):
                return place
            candidates ^= lowest
        return -1

    def _passes(self, tests: int) -> bool:
        while tests:
            lowest = tests & -tests
            if not self._index.tests[lowest.bit_length() - 1](self._request.context):
                self._failed |= lowest
                return False
            self._passed |= lowest
            tests ^= lowest
        return True

    def _is_about_resource(self, place: int) -> bool:
        """Test a resource with variables, which is not in the index."""
        resources = self._statements[place].resources
        if resources is None or not resources.templates:
            return True
        return is_chosen(resources, self._request.resource, self._request.context)


def compile_policies(policies: Mapping[str, Policy]) -> CompiledPolicies:
    """Compile policies, by the names that decisions will tell; their order is that of the mapping."""
    return CompiledPolicies(
        tuple(
            compile_statement(name, policy, statement)
            for name, policy in policies.items()
            for statement in policy.statements
        )
    )


def _inputs_of(statements: tuple[CompiledStatement, ...]) -> Inputs:
    lasting = frozenset[str]().union(*(one.keys - one.volatile_keys for one in statements))
    volatile = frozenset[str]().union(*(one.volatile_keys for one in statements))
    return Inputs(
        tuple(sorted(lasting)),
        tuple(sorted(volatile - lasting)),
        any(_tells_resources_apart(one.statement.resources) for one in statements),
    )


def _tells_resources_apart(resources: Choice | None) -> bool:
    return resources is not None and (resources.is_negated or "*" not in resources.texts)
