"""Every condition key of a proxy policy decides on what KMS says of its caller, through the whole proxy."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from hyok.policy.dialects import PROXY_POLICY
from hyok.proxy.authorization.facts import EXTRA_METADATA, Facts, context_readers, make_context
from hyok.xks.messages import RequestMetadata
from tests.unit.proxy.authorization.written import policies
from tests.unit.proxy.stage import KEY, Stage, encrypt_request, error_of, make_request, metadata

ROLE = "arn:aws:iam::111122223333:role/backup-eu"
SESSION = "arn:aws:sts::111122223333:assumed-role/backup-eu/i-0abc"
DENIED = (403, "AccessDeniedException")
WEDNESDAY = datetime(2026, 3, 4, 8, 30, tzinfo=UTC).timestamp()


class Case(NamedTuple):
    """A statement's elements, and members of requestMetadata that meet them or not."""

    name: str
    elements: dict[str, Any]
    met: dict[str, Any]
    not_met: dict[str, Any]


def when(operator: str, key: str, *values: Any) -> dict[str, Any]:
    return {"Condition": {operator: {key: list(values)}}}


def of_caller(name: str, principal: str, met: str, not_met: str) -> Case:
    return Case(name, {"Principal": {"AWS": principal}}, {"awsPrincipalArn": met}, {"awsPrincipalArn": not_met})


CASES = [
    of_caller("role by its name", ROLE, ROLE, ROLE + "2"),
    of_caller("session of a role", ROLE, SESSION, SESSION.replace("backup-eu", "backup-us")),
    of_caller("session by its ARN", SESSION, SESSION, SESSION + "d"),
    of_caller("wildcard in a role", "arn:aws:iam::111122223333:role/backup-*", SESSION, SESSION.replace("backup", "b")),
    of_caller("wildcard in a field", "arn:aws:iam::*:role/backup-eu", ROLE, ROLE.replace("backup", "x/y")),
    of_caller("account", "111122223333", SESSION, SESSION.replace("111122223333", "999999999999")),
    Case(
        "service", {"Principal": {"Service": "ebs.amazonaws.com"}},
        {"awsPrincipalArn": "ebs.amazonaws.com"}, {"awsPrincipalArn": "s3.amazonaws.com"},
    ),
    Case(
        "AWS Internal", {"Principal": {"Service": "AWS Internal"}},
        {"awsPrincipalArn": "AWS Internal"}, {"awsPrincipalArn": ROLE},
    ),
    Case("operation", {"Action": "kms:GenerateDataKey*"}, {"kmsOperation": "GenerateDataKey"}, {}),
    Case(
        "KMS key", {"Resource": "arn:aws:kms:*:111122223333:key/*"},
        {"kmsKeyArn": "arn:aws:kms:eu-west-1:111122223333:key/1"}, {},
    ),
    Case("aws:PrincipalArn", when("ArnLike", "aws:PrincipalArn", ROLE), {"awsPrincipalArn": SESSION}, {}),
    Case("aws:PrincipalAccount", when("StringEquals", "aws:PrincipalAccount", "111122223333"),
         {"awsPrincipalArn": SESSION}, {"awsPrincipalArn": "AWS Internal"}),
    Case("aws:PrincipalOrgID", when("StringEquals", "aws:PrincipalOrgID", "o-bank"), {"awsPrincipalArn": SESSION}, {}),
    Case("aws:SourceVpc", when("StringEquals", "aws:SourceVpc", "vpc-1"), {"awsSourceVpc": "vpc-1"}, {}),
    Case("aws:SourceVpce", when("StringEquals", "aws:SourceVpce", "vpce-1"), {"awsSourceVpce": "vpce-1"},
         {"awsSourceVpce": "vpce-2"}),
    Case("kms:ViaService", when("StringLike", "kms:ViaService", "s3.*.amazonaws.com"),
         {"kmsViaService": "s3.eu-west-1.amazonaws.com"}, {}),
    Case("absent", when("Null", "kms:ViaService", "true"), {}, {"kmsViaService": "s3"}),
    Case("further metadata", when("StringEquals", "hyok:RequestMetadata/SourceIdentity", "alice"),
         {"sourceIdentity": "alice"}, {"sourceIdentity": "eve"}),
    Case("further number", when("NumericLessThan", "hyok:RequestMetadata/age", 10), {"age": 9}, {"age": 11}),
    Case("further truth", when("Bool", "hyok:RequestMetadata/enclave", "true"), {"enclave": True}, {"enclave": 1}),
    Case("further list", when("ForAllValues:StringEquals", "hyok:RequestMetadata/tags", "a", "b"),
         {"tags": ["a", "b"]}, {"tags": ["a", "c"]}),
    Case("further object", when("StringEquals", "hyok:RequestMetadata/o", '{"a":1}'), {"o": {"a": 1}}, {"o": "a"}),
    Case("further null", when("Null", "hyok:RequestMetadata/o", "true"), {"o": None}, {"o": 0}),
]  # fmt: skip


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_a_statement_allows_what_meets_it_and_nothing_else(stage: Stage, case: Case) -> None:
    stage.change_key_store("alpha", policies=policies(case.elements, organizations={"111122223333": "o-bank"}))
    for _ in range(2):  # the second time from memory
        assert stage.ask(encrypt_request(requestMetadata=metadata(**case.met))).status == 200
        assert error_of(stage.ask(encrypt_request(requestMetadata=metadata(**case.not_met)))) == DENIED


@pytest.mark.parametrize(
    ("elements", "is_met"),
    [
        (when("StringEquals", "hyok:KeyStore", "alpha"), True),
        (when("StringEquals", "hyok:KeyStore", "beta"), False),
        (when("StringEquals", "hyok:ExternalKeyId", KEY), True),
        (when("StringEquals", "hyok:ExternalKeyId", "other"), False),
        (when("StringEquals", "hyok:XksOperation", "Encrypt"), True),
        (when("StringEquals", "hyok:XksOperation", "Decrypt"), False),
        (when("IpAddress", "aws:SourceIp", "192.0.2.0/24"), True),
        (when("IpAddress", "aws:SourceIp", "10.0.0.0/8"), False),
        (when("NumericEquals", "hyok:HourOfDay", 8.5), True),
        (when("NumericGreaterThan", "hyok:HourOfDay", 9), False),
        (when("StringEquals", "hyok:DayOfWeek", "Wednesday"), True),
        (when("StringEquals", "hyok:DayOfWeek", "Sunday"), False),
        (when("DateLessThan", "aws:CurrentTime", "2026-03-04T08:31:00Z"), True),
        (when("DateGreaterThan", "aws:EpochTime", "2026-03-05"), False),
    ],
)
def test_what_the_proxy_knows_by_itself_decides(stage: Stage, elements: dict[str, Any], is_met: bool) -> None:
    stage.change_key_store("alpha", policies=policies(elements))
    request = encrypt_request()
    stage.clock.time = WEDNESDAY
    request = make_request(request.target.decode(), request.body, signed_at=WEDNESDAY)
    assert (stage.ask(request).status == 200) is is_met


def test_the_moment_is_looked_at_each_time(stage: Stage) -> None:
    limit = stage.clock.now() + 10
    stage.change_key_store("alpha", policies=policies(when("NumericLessThan", "aws:EpochTime", limit)))
    assert stage.ask(encrypt_request()).status == 200
    stage.clock.time += 20
    assert error_of(stage.ask(encrypt_request())) == DENIED


def test_all_condition_keys_of_the_dialect_have_values() -> None:
    known = {key.lower() for key in PROXY_POLICY.condition_keys}
    facts = Facts(RequestMetadata("Encrypt", "1"), "Encrypt", "s", "k", "::1", 0.0, {"a": 1}, {})
    assert known == {*make_context(facts), EXTRA_METADATA} - {EXTRA_METADATA + "a"}


def test_a_peer_of_ipv6_has_its_address() -> None:
    from hyok.proxy.authorization.facts import address_without_port

    assert address_without_port("[2001:db8::1]:443") == "2001:db8::1"
    facts = Facts(RequestMetadata("Encrypt", "1"), "Encrypt", "s", "k", "2001:db8::1", 0.0, {}, {})
    context = make_context(facts)
    assert (context["aws:sourceip"], context["hyok:dayofweek"]) == ("2001:db8::1", "Thursday")
    assert context_readers(["nobody:knows"]) == ()
