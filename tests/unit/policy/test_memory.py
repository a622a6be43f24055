from __future__ import annotations

from typing import Any

from hyok.policy.compiled import CompiledPolicies, Judgement
from hyok.policy.decision import Outcome
from hyok.policy.memory import DecisionMemory
from hyok.policy.values import Request
from tests.unit.policy.written import policies, request

VIA_EBS = {"Condition": {"StringEquals": {"kms:ViaService": "ebs"}}}
NOT_FROM_HERE = {"Effect": "Deny", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}


class Counting(CompiledPolicies):
    """Counts how often it is asked."""

    judged = 0

    def judge(self, request: Request) -> Judgement:
        self.judged += 1
        return super().judge(request)


def counting(*statements: dict[str, Any]) -> Counting:
    return Counting(policies(*statements).statements)


def test_the_same_request_is_judged_once() -> None:
    compiled = counting(VIA_EBS)
    memory = DecisionMemory(compiled)
    decisions = {memory.decide(request(kms_viaservice="ebs", aws_sourcevpc=f"vpc-{n}")) for n in range(5)}
    assert [decision.outcome for decision in decisions] == [Outcome.ALLOWED]
    assert compiled.judged == 1


def test_another_input_is_another_decision() -> None:
    memory = DecisionMemory(policies(VIA_EBS))
    assert memory.decide(request(kms_viaservice="ebs")).outcome is Outcome.ALLOWED
    assert memory.decide(request(kms_viaservice="s3")).outcome is Outcome.NOT_ALLOWED
    assert memory.decide(request()).outcome is Outcome.NOT_ALLOWED
    assert memory.decide(request(kms_viaservice="ebs")).outcome is Outcome.ALLOWED


def test_equal_values_of_different_kinds_are_told_apart() -> None:
    memory = DecisionMemory(policies({"Condition": {"StringEquals": {"x:y": "true"}}}))
    assert memory.decide(request(x_y=1)).outcome is Outcome.NOT_ALLOWED
    assert memory.decide(request(x_y=True)).outcome is Outcome.ALLOWED
    assert memory.decide(request(x_y=1.0)).outcome is Outcome.NOT_ALLOWED


def test_nothing_is_remembered_where_an_address_decides() -> None:
    compiled = counting({}, NOT_FROM_HERE)
    memory = DecisionMemory(compiled)
    assert memory.decide(request(aws_sourceip="192.0.2.1")).outcome is Outcome.ALLOWED
    assert memory.decide(request(aws_sourceip="10.0.0.1")).outcome is Outcome.DENIED
    assert memory.decide(request(aws_sourceip="192.0.2.1")).outcome is Outcome.ALLOWED
    assert compiled.judged == 3


def test_memory_is_bounded() -> None:
    compiled = counting(VIA_EBS)
    memory = DecisionMemory(compiled, max_decisions=10)
    for _ in range(2):
        for number in range(11):
            memory.decide(request(kms_viaservice=f"service-{number}"))
    assert compiled.judged > 11
    assert memory.decide(request(kms_viaservice="ebs")).outcome is Outcome.ALLOWED
