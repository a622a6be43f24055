from __future__ import annotations

from typing import Any

import pytest

from hyok.policy.compiled import compile_policies
from hyok.policy.decision import NOT_ALLOWED, Decision, Outcome
from hyok.policy.dialects import PROXY_POLICY
from tests.unit.policy.written import policies, policy, request

DENY: dict[str, Any] = {"Effect": "Deny"}


def condition(operator: str, key: str, value: Any) -> dict[str, Any]:
    return {"Condition": {operator: {key: value}}}


def test_no_policy_allows_nothing() -> None:
    assert compile_policies({}).decide(request()) == NOT_ALLOWED


def test_a_decision_names_policy_and_statement() -> None:
    compiled = compile_policies({"first": policy({"Action": "kms:Encrypt"}), "second": policy({"Sid": "All"})})
    assert compiled.decide(request()) == Decision(Outcome.ALLOWED, "second", "All")


def test_a_deny_in_any_policy_decides() -> None:
    compiled = compile_policies({"first": policy({}), "second": policy({}, DENY)})
    assert compiled.decide(request()) == Decision(Outcome.DENIED, "second", "statement 2")


def test_the_first_policy_that_allows_is_told() -> None:
    compiled = compile_policies({"b": policy({}), "a": policy({})})
    assert compiled.decide(request()).policy == "b"


def test_more_statements_than_a_machine_word_has_bits_are_told_apart() -> None:
    compiled = policies(*({"Sid": f"S{n}", **condition("NumericEquals", "x:n", n)} for n in range(200)))
    for number in (0, 63, 64, 199):
        assert compiled.decide(request(x_n=number)).statement == f"S{number}"
    assert compiled.decide(request(x_n=200)) == NOT_ALLOWED


@pytest.mark.parametrize(
    ("element", "does"),
    [
        ({"Resource": "*"}, False),
        ({"Resource": ["arn:aws:kms:*:*:key/one", "*"]}, False),
        ({"Resource": "arn:aws:kms:*:*:key/*"}, True),
        ({"NotResource": "arn:aws:kms:*:*:key/one"}, True),
        ({"NotResource": "*"}, True),
        ({"Resource": "arn:aws:kms:*:*:alias/${aws:username}"}, True),
    ],
)
def test_the_inputs_tell_whether_the_resource_has_a_part_in_decisions(element: dict[str, Any], *, does: bool) -> None:
    assert policies({}, element).inputs.tells_resources_apart is does


def test_the_inputs_are_the_condition_keys_that_are_looked_at() -> None:
    compiled = policies(
        condition("StringEquals", "kms:ViaService", ["ebs", "${aws:PrincipalTag/Team}"]),
        condition("Null", "aws:TokenIssueTime", "true"),
        {"Resource": "arn:aws:kms:*:*:alias/${aws:username}"},
        {"Principal": {"Federated": "accounts.google.com"}},
    )
    assert compiled.inputs.lasting_keys == (
        "aws:federatedprovider",
        "aws:principaltag/team",
        "aws:tokenissuetime",
        "aws:username",
        "kms:viaservice",
    )
    assert compiled.inputs.volatile_keys == ()


@pytest.mark.parametrize(
    ("operator", "key", "value"),
    [
        ("DateLessThan", "aws:CurrentTime", "2026"),
        ("NumericLessThan", "aws:EpochTime", 7),
        ("StringLike", "AWS:SourceIP", "10.*"),
        ("IpAddress", "x:address", "10.0.0.0/8"),
        ("StringEquals", "x:y", "${aws:CurrentTime}"),
    ],
)
def test_a_statement_of_the_moment_or_of_an_address_makes_no_lasting_judgement(
    operator: str, key: str, value: Any
) -> None:
    compiled = policies({"Sid": "Always"}, DENY | condition(operator, key, value))
    assert len(compiled.inputs.volatile_keys) == 1
    assert not compiled.judge(request(x_y="z")).is_lasting


def test_the_hour_of_the_day_is_of_the_moment_at_the_proxy() -> None:
    compiled = policies({}, DENY | condition("NumericLessThan", "hyok:HourOfDay", 8), dialect=PROXY_POLICY)
    assert compiled.inputs.volatile_keys == ("hyok:hourofday",)
    assert not compiled.judge(request(hyok_hourofday=9)).is_lasting


def test_a_judgement_lasts_where_no_statement_of_the_moment_is_left() -> None:
    at_night = condition("NumericGreaterThan", "hyok:HourOfDay", 20)
    at_night["Condition"]["StringEquals"] = {"kms:ViaService": "ebs"}
    compiled = policies({}, DENY | at_night, dialect=PROXY_POLICY)
    assert compiled.inputs.keys == {"kms:viaservice", "hyok:hourofday"}
    assert compiled.inputs.lasting_keys == ("kms:viaservice",)
    assert compiled.judge(request(kms_viaservice="s3")).is_lasting
    assert not compiled.judge(request(kms_viaservice="ebs")).is_lasting


def test_two_conditions_on_one_key_are_both_asked() -> None:
    both = {"StringLike": {"kms:ViaService": "s3.*"}, "StringNotLike": {"kms:ViaService": ["*.cn", "*.us-*"]}}
    compiled = policies({"Condition": both})
    assert compiled.decide(request(kms_viaservice="s3.eu-west-1")).outcome is Outcome.ALLOWED
    assert compiled.decide(request(kms_viaservice="s3.us-east-1")) == NOT_ALLOWED
    assert compiled.decide(request(kms_viaservice="ebs.eu-west-1")) == NOT_ALLOWED
    assert compiled.decide(request()) == NOT_ALLOWED


def test_what_nobody_asks_for_is_not_looked_at() -> None:
    class Unwilling(dict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:
            assert key in ("kms:viaservice", "aws:federatedprovider")
            return super().get(key, default)

    compiled = policies(condition("StringEquals", "kms:ViaService", "ebs"))
    asked = request()._replace(context=Unwilling({"kms:viaservice": "ebs"}))
    assert compiled.decide(asked).outcome is Outcome.ALLOWED
