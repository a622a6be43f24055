"""Why a request is decided as it is: every statement, element by element, condition by condition.

Asks each statement by itself and without the index; what it finds is what the index finds, which the property tests
hold it to.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from hyok.policy.callers import read_caller
from hyok.policy.choices import CompiledChoice, is_chosen
from hyok.policy.compiled import CompiledPolicies
from hyok.policy.conditions import CompiledCondition
from hyok.policy.decision import NOT_ALLOWED, Decision, Outcome
from hyok.policy.document import Choice, Effect, Principals
from hyok.policy.principals import FEDERATED_PROVIDER_KEY, CompiledPrincipals, Naming, naming_of
from hyok.policy.statements import CompiledStatement
from hyok.policy.values import Request, Value, scalars_of, text_of

_NOBODY: Final = "nobody in particular"


class ElementExplanation(NamedTuple):
    """Why one element of a statement is met or not."""

    element: str
    """`Principal`, `NotAction`, `StringEquals aws:SourceVpc` …"""
    is_met: bool
    reason: str
    """What the policy wants, and what the request brought."""


class StatementExplanation(NamedTuple):
    """Why one statement applies or not."""

    policy: str
    statement: str
    line: int
    effect: Effect
    naming: Naming
    elements: tuple[ElementExplanation, ...]

    @property
    def applies(self) -> bool:
        """Whether every element is met."""
        return all(element.is_met for element in self.elements)


class Explanation(NamedTuple):
    """A decision, and every statement that might have made it."""

    decision: Decision
    statements: tuple[StatementExplanation, ...]


def explain(policies: CompiledPolicies, request: Request) -> Explanation:
    """Explain what policies decide on a request."""
    statements = tuple(_explain_statement(one, request) for one in policies.statements)
    return Explanation(_decide(statements), statements)


def _decide(statements: tuple[StatementExplanation, ...]) -> Decision:
    applying = [one for one in statements if one.applies]
    denying = [one for one in applying if one.effect is Effect.DENY]
    allowing = [one for one in applying if one.naming is Naming.DIRECTLY]
    if not applying:
        return NOT_ALLOWED
    first = (denying or allowing or applying)[0]
    outcome = Outcome.DENIED if denying else Outcome.ALLOWED if allowing else Outcome.DELEGATED
    return Decision(outcome, first.policy, first.statement)


def _explain_statement(compiled: CompiledStatement, request: Request) -> StatementExplanation:
    statement = compiled.statement
    naming = Naming.DIRECTLY
    elements: list[ElementExplanation] = []
    if statement.principals and compiled.principals:
        naming = naming_of(
            compiled.principals, read_caller(request.principal), request.context.get(FEDERATED_PROVIDER_KEY)
        )
        elements.append(_explain_principals(statement.principals, compiled.principals, naming, request))
    elements.append(_explain_choice("Action", statement.actions, compiled.actions, request, request.action))
    if statement.resources and compiled.resources:
        elements.append(_explain_choice("Resource", statement.resources, compiled.resources, request, request.resource))
    elements.extend(_explain_condition(condition, request) for condition in compiled.conditions)
    return StatementExplanation(
        compiled.policy, statement.label, statement.line, statement.effect, naming, tuple(elements)
    )


def _explain_principals(
    principals: Principals, compiled: CompiledPrincipals, naming: Naming, request: Request
) -> ElementExplanation:
    wanted = _listed(entry.text for entry in principals.entries)
    element = "NotPrincipal" if compiled.is_negated else "Principal"
    caller = request.principal or _NOBODY
    return ElementExplanation(element, naming is not Naming.NOT, f"{caller} is {naming.value}; listed: {wanted}")


def _explain_choice(
    name: str, choice: Choice, compiled: CompiledChoice, request: Request, text: str
) -> ElementExplanation:
    compared = text.lower() if name == "Action" else text
    is_met = is_chosen(compiled, compared, request.context)
    element = f"Not{name}" if choice.is_negated else name
    is_in_list = "is" if is_met is not choice.is_negated else "is not"
    return ElementExplanation(element, is_met, f"{text or 'nothing'} {is_in_list} among {_listed(choice.texts)}")


def _explain_condition(compiled: CompiledCondition, request: Request) -> ElementExplanation:
    condition = compiled.condition
    is_met = compiled.is_met(request.context)
    found = _shown(request.context.get(condition.key.lower(), ()))
    variables = sorted(compiled.keys - {condition.key.lower()})
    resolved = "".join(f"; {key} is {_shown(request.context.get(key, ()))}" for key in variables)
    return ElementExplanation(
        f"{condition.operator} {condition.key}",
        is_met,
        f"the request has {found}; wanted: {_listed(condition.texts)}{resolved}",
    )


def _listed(texts: Iterable[str]) -> str:
    return ", ".join(texts)


def _shown(value: Value) -> str:
    return "nothing" if value == () else _listed(map(text_of, scalars_of(value)))
