from __future__ import annotations

from hyok.policy.decision import Decision, Outcome
from hyok.policy.document import Effect
from hyok.policy.explanation import explain
from hyok.policy.principals import Naming
from tests.unit.policy.written import ALICE, KEY, policies, request

EXPLAINED = policies(
    {
        "Sid": "Via",
        "Principal": {"AWS": ["111122223333", ALICE]},
        "Action": ["kms:Encrypt", "kms:Decrypt"],
        "Condition": {
            "StringEquals": {"kms:ViaService": ["ebs", "${aws:PrincipalTag/service}"]},
            "NumericLessThan": {"hyok:HourOfDay": 18},
        },
    },
    {"Effect": "Deny", "Action": "kms:Encrypt", "Resource": "arn:aws:kms:us-east-1:*"},
)


def test_every_element_of_every_statement_is_explained() -> None:
    explanation = explain(EXPLAINED, request(kms_viaservice="ebs", hyok_hourofday=12))
    assert explanation.decision == Decision(Outcome.ALLOWED, "p", "Via")
    first, second = explanation.statements
    assert (first.policy, first.statement, first.line, first.effect) == ("p", "Via", 1, Effect.ALLOW)
    assert first.naming is Naming.DIRECTLY
    assert first.applies
    assert [tuple(element) for element in first.elements] == [
        ("Principal", True, f"{ALICE} is meant; listed: 111122223333, {ALICE}"),
        ("Action", True, "kms:Decrypt is among kms:Encrypt, kms:Decrypt"),
        ("Resource", True, f"{KEY} is among *"),
        (
            "StringEquals kms:ViaService",
            True,
            "the request has ebs; wanted: ebs, ${aws:PrincipalTag/service}; aws:principaltag/service is nothing",
        ),
        ("NumericLessThan hyok:HourOfDay", True, "the request has 12; wanted: 18"),
    ]
    assert not second.applies
    assert [(element.element, element.is_met) for element in second.elements] == [
        ("Principal", True),
        ("Action", False),
        ("Resource", False),
    ]


def test_a_condition_that_is_not_met_is_named() -> None:
    first, _ = explain(EXPLAINED, request(kms_viaservice=("a", "b"), hyok_hourofday=19.5)).statements
    assert [(element.is_met, element.reason) for element in first.elements[3:]] == [
        (False, "the request has a, b; wanted: ebs, ${aws:PrincipalTag/service}; aws:principaltag/service is nothing"),
        (False, "the request has 19.5; wanted: 18"),
    ]


def test_a_delegation_is_explained() -> None:
    explanation = explain(policies({"Principal": {"AWS": "111122223333"}}), request())
    assert explanation.decision == Decision(Outcome.DELEGATED, "p", "statement 1")
    assert explanation.statements[0].elements[0].reason == (
        f"{ALICE} is meant by its account, which decides by identity policies; listed: 111122223333"
    )


def test_a_negated_element_is_explained() -> None:
    statement = {
        "Effect": "Deny",
        "NotPrincipal": {"Service": "ebs.amazonaws.com"},
        "NotAction": "kms:Dec*",
        "NotResource": "arn:aws:s3",
    }
    (explained,) = explain(policies(statement), request()).statements
    assert not explained.applies
    assert [tuple(element) for element in explained.elements] == [
        ("NotPrincipal", True, f"{ALICE} is meant; listed: ebs.amazonaws.com"),
        ("NotAction", False, "kms:Decrypt is among kms:Dec*"),
        ("NotResource", True, f"{KEY} is not among arn:aws:s3"),
    ]


def test_nobody_in_particular_may_ask() -> None:
    explanation = explain(policies({}), request(principal="")._replace(resource=""))
    assert [element.reason for element in explanation.statements[0].elements] == [
        "nobody in particular is meant; listed: *",
        "kms:Decrypt is among kms:*",
        "nothing is among *",
    ]
