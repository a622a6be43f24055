from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from hyok.administration import policy_trials
from hyok.administration.policy_requests import read_request
from hyok.administration.policy_trials import (
    OTHER_PRINCIPALS,
    biggest,
    check_expectations,
    explain_request,
    looks_at_extra_metadata,
    read_expectations,
    replay_records,
)
from hyok.errors import NotDoneError
from tests.unit.proxy.authorization.written import policies

ROLE = "arn:aws:iam::111122223333:role/backup"
SESSION = "arn:aws:sts::111122223333:assumed-role/backup/i-0abc"
EVE = "arn:aws:iam::111122223333:user/Eve"
ONLY_BACKUP = {"Sid": "Backup", "Principal": {"AWS": ROLE}}


def record(principal: str = SESSION, error: str = "", **changes: Any) -> dict[str, Any]:
    return {
        "event": "xks_request",
        "time": "2026-03-04T08:30:00Z",
        "peer": "192.0.2.7:4711",
        "key_store": "alpha",
        "external_key_id": "payroll",
        "operation": "Decrypt",
        "request_metadata": {"awsPrincipalArn": principal, "kmsOperation": "Decrypt", "kmsRequestId": "1"},
        **({"error": error} if error else {}),
        **changes,
    }


def expectations(*each: dict[str, Any]) -> bytes:
    return json.dumps(each).encode()


def expect(outcome: str, principal: str = SESSION, **more: Any) -> dict[str, Any]:
    request = {"request_metadata": {"awsPrincipalArn": principal, "kmsOperation": "Decrypt"}}
    return {"request": request, "expect": outcome, **more}


def test_expectations_are_met_or_not() -> None:
    wanted = read_expectations(
        expectations(
            expect("allowed", statement="Backup"),
            expect("allowed", statement="Other"),
            expect("refused", EVE, name="eve"),
            expect("not allowed", EVE),
            expect("denied", EVE),
        )
    )
    found = check_expectations(policies(ONLY_BACKUP), wanted)
    assert [finding.is_met for finding in found] == [True, False, True, True, False]
    assert [finding.expectation.name for finding in found] == ["1", "2", "eve", "4", "5"]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b"[", "are not JSON"),
        (b"{}", "must be a JSON list"),
        (b"[1]", "expectation 1 must be an object"),
        (expectations({"expect": "allowed"}), "expectation 1 must be an object"),
        (expectations(expect("yes")), '"expect" must be one of allowed, denied, not allowed, refused'),
        (expectations(expect("allowed", statment="x")), "'statment' is none of name, request"),
        (expectations({"request": {}, "expect": "allowed"}), 'has no "request_metadata"'),
        (
            expectations({"request": {"request_metdata": {}}, "expect": "allowed"}),
            'did you mean "request_metadata"',
        ),
        (
            expectations({"request": {"request_metadata": {"awsPrincipalARN": "x"}}, "expect": "allowed"}),
            "write 'awsPrincipalArn'",
        ),
        (
            expectations({"request": {"request_metadata": {"awsSourceVpc": 1}}, "expect": "allowed"}),
            "must be a text",
        ),
        (
            expectations({"request": {"request_metadata": {}, "time": "noon"}, "expect": "allowed"}),
            "'noon' is no time",
        ),
        (expectations({"request": {"request_metadata": {}, "peer": 1}, "expect": "allowed"}), "peer must be a text"),
    ],
)
def test_what_is_no_expectation_is_said(document: bytes, message: str) -> None:
    with pytest.raises(NotDoneError) as raised:
        read_expectations(document)
    assert message in str(raised.value)


def test_an_expectation_must_tell_what_policies_look_at() -> None:
    wanted = read_expectations(expectations(expect("allowed")))
    by_hour = policies({"Condition": {"NumericLessThan": {"hyok:HourOfDay": 9}}})
    with pytest.raises(NotDoneError, match='give "time"'):
        check_expectations(by_hour, wanted)
    by_address = policies({"Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}})
    with pytest.raises(NotDoneError, match='give "peer"'):
        check_expectations(by_address, wanted)
    told = read_expectations(expectations({"request": record(), "expect": "allowed"}))
    assert check_expectations(by_hour, told)[0].is_met
    assert check_expectations(by_address, told)[0].is_met


@pytest.mark.parametrize("peer", ["2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:4711"])
def test_an_address_may_have_a_port(peer: str) -> None:
    assert read_request(record(peer=peer)).address == "2001:db8::1"


@pytest.mark.parametrize(
    ("kms_operation", "operation"),
    [("Decrypt", "Decrypt"), ("GenerateDataKey", "Encrypt"), ("CreateKey", "GetKeyMetadata"), ("Encrypt", "Encrypt")],
)
def test_the_proxys_operation_follows_from_kmss(kms_operation: str, operation: str) -> None:
    asked = {"request_metadata": {"kmsOperation": kms_operation}}
    assert read_request(asked).operation == operation


def test_an_explanation_has_every_statement_of_every_place() -> None:
    both = policies({"Sid": "All"}, of_keys={"payroll": [ONLY_BACKUP, {"Sid": "No", "Effect": "Deny"}]})
    explained = explain_request(both, read_request(record()))
    assert explained.decision is not None
    assert (explained.decision.outcome.value, explained.decision.statement) == ("denied", "No")
    assert [[each.statement for each in place] for place in explained.places] == [["All"], ["Backup", "No"]]


def test_an_explanation_can_take_shadow_mode_for_force() -> None:
    tried = policies({"Sid": "All"}, shadow=[{"Sid": "No", "Effect": "Deny"}])
    request = read_request(record())
    assert str(explain_request(tried, request).decision).count("allowed") == 1
    shadow = explain_request(tried, request, with_shadow=True)
    assert shadow.decision is not None
    assert shadow.decision.statement == "No"
    assert shadow.places[0][0].statement == "No"


def test_a_replay_tells_what_changes_by_principal() -> None:
    records = [
        *(record() for _ in range(3)),
        *(record(EVE) for _ in range(2)),
        record(error="AccessDeniedException"),
        record(EVE, error="AccessDeniedException"),
        record(EVE, error="ThrottlingException"),
        record(key_store="beta"),
        {"event": "xks_request", "operation": "GetHealthStatus", "request_metadata": {"kmsOperation": "x"}},
        record(request_metadata=None),
        record(operation=7),
    ]
    replay = replay_records(policies(ONLY_BACKUP), records, key_store="alpha")
    assert (replay.evaluated, replay.skipped) == (8, 1)
    assert (replay.still_allowed, replay.still_refused) == (3, 1)
    assert [(group.principal, group.becomes, group.statement, count) for group, count in biggest(replay, 9)] == [
        (EVE, "refused", "", 3),
        (ROLE, "allowed", "Backup", 1),
    ]
    assert replay.count("refused") == 3


def test_a_replay_decides_by_the_time_and_address_of_then() -> None:
    morning = policies(
        {"Condition": {"NumericLessThan": {"hyok:HourOfDay": 9}, "IpAddress": {"aws:SourceIp": "192.0.2.7"}}}
    )
    replay = replay_records(morning, [record(), record(time="2026-03-04T09:30:00Z"), record(peer="192.0.2.8:1")])
    assert (replay.still_allowed, replay.count("refused")) == (1, 2)


def test_a_replay_counts_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_trials, "MAX_GROUPS", 10)

    def records() -> Iterator[dict[str, Any]]:
        for number in range(1000):
            yield record(f"arn:aws:iam::111122223333:user/{number}")

    replay = replay_records(policies(ONLY_BACKUP), records())
    assert len(replay.changed) == 11
    others = [count for group, count in replay.changed.items() if group.principal == OTHER_PRINCIPALS]
    assert others == [990]
    assert replay.count("refused") == 1000


def test_records_have_the_further_metadata_that_policies_looked_at() -> None:
    by_identity = policies({"Condition": {"StringEquals": {"hyok:RequestMetadata/SourceIdentity": "alice"}}})
    assert looks_at_extra_metadata(by_identity)
    assert not looks_at_extra_metadata(policies(ONLY_BACKUP))
    replay = replay_records(by_identity, [record(extra_metadata={"sourceIdentity": "alice"}), record()])
    assert (replay.still_allowed, replay.count("refused")) == (1, 1)
