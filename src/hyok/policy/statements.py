"""Statements, compiled: each element as patterns and tests, and what is decided where all of them hold."""

from __future__ import annotations

from typing import NamedTuple

from hyok.policy.choices import CompiledChoice, compile_actions, compile_resources
from hyok.policy.conditions import CompiledCondition, compile_condition
from hyok.policy.decision import Decision, Outcome
from hyok.policy.document import Effect, Policy, Statement
from hyok.policy.operators import Family
from hyok.policy.patterns import variables_of
from hyok.policy.principals import FEDERATED_PROVIDER_KEY, CompiledPrincipals, compile_principals


class CompiledStatement(NamedTuple):
    """One statement."""

    policy: str
    statement: Statement
    principals: CompiledPrincipals | None
    actions: CompiledChoice
    resources: CompiledChoice | None
    conditions: tuple[CompiledCondition, ...]
    keys: frozenset[str]
    """The condition keys that anything in it looks at, in lower case."""
    volatile_keys: frozenset[str]
    """Those of them that tell the moment or an address, so that what they decide is not worth remembering."""

    @property
    def decision(self) -> Decision:
        """What it decides where it applies."""
        outcome = Outcome.ALLOWED if self.statement.effect is Effect.ALLOW else Outcome.DENIED
        return Decision(outcome, self.policy, self.statement.label)


def compile_statement(name: str, policy: Policy, statement: Statement) -> CompiledStatement:
    """Compile a statement of the policy that goes by `name`."""
    dialect, has_variables = policy.dialect, policy.has_variables
    resources = statement.resources and compile_resources(statement.resources, has_variables=has_variables)
    conditions = tuple(compile_condition(one, has_variables=has_variables) for one in statement.conditions)
    principals = statement.principals and compile_principals(statement.principals, dialect)
    keys = frozenset[str]().union(*(condition.keys for condition in conditions))
    if resources:
        keys |= {variable.key for template in resources.templates for variable in variables_of(template)}
    if principals and principals.providers:
        keys |= {FEDERATED_PROVIDER_KEY}
    return CompiledStatement(
        policy=name,
        statement=statement,
        principals=principals,
        actions=compile_actions(statement.actions),
        resources=resources,
        conditions=conditions,
        keys=keys,
        volatile_keys=(keys & dialect.volatile_keys) | _address_keys(statement),
    )


def _address_keys(statement: Statement) -> set[str]:
    return {one.key.lower() for one in statement.conditions if one.operator.operator.family is Family.NETWORK}
