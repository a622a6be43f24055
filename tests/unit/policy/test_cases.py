from __future__ import annotations

import json

import pytest

from hyok.policy.compiled import CompiledPolicies, compile_policies
from hyok.policy.decision import Decision
from hyok.policy.explanation import explain
from hyok.policy.memory import DecisionMemory
from hyok.policy.parsing import parse_policy
from tests.unit.policy import oracle
from tests.unit.policy.cases import Case, all_cases, as_request, count_rows

CASES = tuple(all_cases())

each_case = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


def compiled(case: Case) -> CompiledPolicies:
    return compile_policies({"p": parse_policy(json.dumps(case.document), case.dialect)})


def told(decision: Decision) -> tuple[str, str]:
    return decision.outcome.value, decision.statement or ""


def test_the_table_has_two_hundred_rows_at_least() -> None:
    assert count_rows() >= 200


def test_no_case_stands_in_the_table_twice() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


@each_case
def test_a_case_is_decided_as_documented(case: Case) -> None:
    assert told(compiled(case).decide(as_request(case.request))) == (case.outcome, case.statement)


def test_every_case_is_explained_as_it_is_decided() -> None:
    for case in CASES:
        policies, request = compiled(case), as_request(case.request)
        assert explain(policies, request).decision == policies.decide(request), case.name


def test_every_case_is_remembered_as_it_is_decided() -> None:
    for case in CASES:
        memory, request = DecisionMemory(compiled(case)), as_request(case.request)
        assert memory.decide(request) == memory.decide(request) == memory.policies.decide(request), case.name


def test_the_oracle_agrees_with_the_documentation() -> None:
    for case in CASES:
        outcome, _, statement = oracle.decide(
            {"p": case.document}, case.request, accounts_delegate=case.dialect.accounts_delegate
        )
        assert (outcome, statement) == (case.outcome, case.statement), case.name
