"""What a comparison finds, and what it must not find."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from hyok.audit.event import RequestRecord
from hyok.audit.reconciliation import partitions
from hyok.audit.reconciliation.reconciliation import Comparison, Reconciliation, reconcile
from hyok.errors import OperatorError
from tests.unit.audit.reconciliation.sides import (
    ALICE,
    AT,
    BOB,
    KEY,
    LATER,
    OTHER_KEY,
    STORE,
    a_use,
    an_event,
    of_another_service,
    write_cloudtrail,
    write_trail,
)

Events = list[dict[str, Any]]


def compared(
    directory: Path, uses: list[RequestRecord], events: Events, now: float = LATER, **options: Any
) -> Reconciliation:
    trail = write_trail(directory / "trail", *uses)
    cloudtrail = write_cloudtrail(directory / "cloudtrail", *events)
    return reconcile(Comparison(trails=(trail,), cloudtrail=cloudtrail, now=now, **options))


def found(result: Reconciliation) -> list[tuple[str, str]]:
    return [(each.finding.value, each.request_id) for each in result.discrepancies]


def test_what_both_tell_alike_is_clean(tmp_path: Path) -> None:
    health = a_use("h", asks="GetHealthStatus")
    unproven = a_use("u")
    unproven.authentication_failure = "signature"
    both = [KEY, OTHER_KEY]
    result = compared(
        tmp_path,
        [
            health,
            unproven,
            a_use("1"),
            a_use("2", "Decrypt"),
            a_use("3", "CreateKey", xks_key="new-key"),
            a_use("4", "ReEncrypt", asks="Decrypt"),
            a_use("4", "ReEncrypt", key=OTHER_KEY, xks_key="other"),
            a_use("5", "GenerateDataKey", error="DependencyTimeoutException"),
            a_use("5", "GenerateDataKey"),
            a_use("6", error="AccessDeniedException"),
        ],
        [
            of_another_service(),
            an_event("1"),
            an_event("2", "Decrypt"),
            an_event(
                "3", "CreateKey", xks_key=None, requestParameters={"customKeyStoreId": STORE, "xksKeyId": "new-key"}
            ),
            an_event("4", "ReEncrypt", keys=both, xks_key=None),
            an_event("5", "GenerateDataKey"),
            an_event("6", error="KMSInvalidStateException"),
            an_event("7", error="AccessDeniedException"),
            an_event("8", keys=["arn:aws:kms:eu-central-1:123456789012:key/ordinary"], xks_key=None),
            an_event("9", "ConnectCustomKeyStore", keys=[], xks_key=None),
        ],
    )
    assert found(result) == []
    assert result.is_clean
    assert result.matched == 6
    assert result.trail.counts == {
        "records": 12,  # with the two that the log makes of itself
        "uses": 8,
        "health_check_records": 1,
        "unproven_records": 1,
        "other_records": 2,
        "malformed_records": 0,
        "other_accounts": 0,
    }
    assert result.cloudtrail.counts == {
        "files": 1,
        "events": 10,
        "kms_events": 9,
        "unreadable": 0,
        "other_accounts": 0,
    }


@pytest.mark.parametrize(
    ("finding", "use", "event"),
    [
        ("unknown_use", a_use("1"), None),
        ("unknown_use", a_use("1", error="AccessDeniedException"), None),
        ("unseen_event", None, an_event("1")),
        ("unseen_event", None, an_event("1", "ReEncrypt")),
        ("principal", a_use("1"), an_event("1", by=BOB)),
        ("operation", a_use("1"), an_event("1", "GenerateDataKey")),
        ("operation", a_use("1", asks="Decrypt"), an_event("1")),
        ("key", a_use("1"), an_event("1", keys=[OTHER_KEY])),
        ("key", a_use("1", xks_key="another"), an_event("1")),
        ("result", a_use("1", error="InternalException"), an_event("1")),
        ("time", a_use("1", at=AT + 3600), an_event("1")),
    ],
    ids=str,
)
def test_each_difference_is_found(
    tmp_path: Path, finding: str, use: RequestRecord | None, event: dict[str, Any] | None
) -> None:
    uses = [a_use("good"), *([use] if use else [])]
    events = [an_event("good"), *([event] if event else [])]
    result = compared(tmp_path, uses, events)
    # A use that asks for something else than its event tells of leaves that event without a use.
    wanted = [(finding, "1")] + ([("unseen_event", "1")] if use and use.operation == "Decrypt" else [])
    assert found(result) == wanted
    assert not result.is_clean


def test_a_request_is_made_twice_at_most(tmp_path: Path) -> None:
    result = compared(tmp_path, [a_use("1")] * 40, [an_event("1")])
    assert found(result) == [("attempts", "1")]
    assert result.discrepancies[0].trail == "40 requests for Encrypt"


def test_an_event_of_a_known_key_counts_even_if_it_names_no_external_key(tmp_path: Path) -> None:
    result = compared(tmp_path, [a_use("good")], [an_event("good"), an_event("1", xks_key=None)])
    assert found(result) == [("unseen_event", "1")]


def test_copies_of_an_event_count_once(tmp_path: Path) -> None:
    trail = write_trail(tmp_path / "trail", a_use("1"))
    theirs = an_event("1", sharedEventID="s", eventID="theirs", recipientAccountId="210987654321")
    write_cloudtrail(tmp_path / "cloudtrail", an_event("1", sharedEventID="s"), theirs)
    write_cloudtrail(tmp_path / "cloudtrail", an_event("1", sharedEventID="s"), name="again")
    result = reconcile(Comparison(trails=(trail,), cloudtrail=tmp_path / "cloudtrail", now=LATER))
    assert found(result) == []


def test_what_is_too_new_is_not_judged(tmp_path: Path) -> None:
    uses, events = [a_use("1"), a_use("good")], [an_event("2"), an_event("good")]
    result = compared(tmp_path, uses, events, now=AT + 60 + 899)
    assert (found(result), result.not_judged) == ([], 2)
    result = reconcile(Comparison(trails=(tmp_path / "trail",), cloudtrail=tmp_path / "cloudtrail", now=AT + 60 + 901))
    assert sorted(found(result)) == [("unknown_use", "1"), ("unseen_event", "2")]
    assert result.not_judged == 0


def test_what_is_before_both_sides_begin_is_not_judged(tmp_path: Path) -> None:
    # The trail begins at AT; CloudTrail's files with the day before the next.
    old_event = an_event("0", at=AT - 60)
    result = compared(tmp_path, [a_use("1"), a_use("2", at=AT + 86_400)], [old_event], now=LATER * 2)
    assert found(result) == [("unknown_use", "1"), ("unknown_use", "2")]
    later = write_cloudtrail(tmp_path / "later", an_event("2", at=AT + 86_400))
    result = reconcile(Comparison(trails=(tmp_path / "trail",), cloudtrail=later, now=LATER * 2))
    assert (found(result), result.not_judged) == ([], 1)


def test_an_event_of_the_trails_first_second_is_judged(tmp_path: Path) -> None:
    trail = write_trail(tmp_path / "trail", begun_at=AT + 0.9)
    cloudtrail = write_cloudtrail(tmp_path / "cloudtrail", an_event("1", at=AT))
    assert found(reconcile(Comparison(trails=(trail,), cloudtrail=cloudtrail, now=LATER))) == [("unseen_event", "1")]


def test_since_and_until_bound_what_is_judged_but_not_what_is_matched(tmp_path: Path) -> None:
    uses = [a_use("1", at=AT + 100), a_use("2", at=AT + 200), a_use("3", at=AT + 300)]
    events = [an_event("2", at=AT + 199)]
    result = compared(tmp_path, uses, events, since=AT + 200, until=AT + 250, delay_seconds=0.0)
    assert (found(result), result.not_judged, result.matched) == ([], 2, 1)


def test_other_accounts_and_other_key_stores_can_be_left_out(tmp_path: Path) -> None:
    theirs = "arn:aws:kms:eu-central-1:210987654321:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    elsewhere = {"customKeyStoreId": "cks-elsewhere", "xksKeyId": "k"}
    uses = [a_use("good"), a_use("1", key=theirs, by="arn:aws:iam::210987654321:user/eve")]
    events = [an_event("good"), an_event("2", keys=[OTHER_KEY], additionalEventData=elsewhere)]
    assert len(found(compared(tmp_path, uses, events))) == 2
    both = Comparison(trails=(tmp_path / "trail",), cloudtrail=tmp_path / "cloudtrail", now=LATER)
    result = reconcile(both._replace(accounts=frozenset({"123456789012"}), stores=frozenset({STORE})))
    assert found(result) == []
    assert result.trail.counts["other_accounts"] == 1


def test_the_trails_of_several_hosts_are_one_side(tmp_path: Path) -> None:
    trails = (write_trail(tmp_path / "a", a_use("1")), write_trail(tmp_path / "b", a_use("2")))
    cloudtrail = write_cloudtrail(tmp_path / "cloudtrail", an_event("1"), an_event("2"))
    assert found(reconcile(Comparison(trails=trails, cloudtrail=cloudtrail, now=LATER))) == []


def test_lines_of_json_are_read_as_well(tmp_path: Path) -> None:
    trail = write_trail(tmp_path / "trail", a_use("1"), a_use("2"))
    lines = "".join(json.dumps(each) + "\n" for each in (an_event("1"), of_another_service()))
    (tmp_path / "events.jsonl").write_text(lines)
    (tmp_path / "more.json").write_bytes(gzip.compress(json.dumps({"Records": [an_event("2")]}, indent=1).encode()))
    assert found(reconcile(Comparison(trails=(trail,), cloudtrail=tmp_path, now=LATER))) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", None),
        (b'{"Records":[]}', None),
        (b"not JSON", "holds something else at byte 0, where an object should begin"),
        (b'{"Records":[', "ends at byte 12, where an object should begin"),
        (b'{"Records":[{"a":1}', "ends at byte 19, where an object should begin"),
        (b'{"Records":[{"a":1', "ends in the middle of what at byte 12, where an object begins"),
        (b'{"Records":[]} more', "has something at byte 12, where its list of records ends"),
        (b'{"a":"' + b"x" * 1_200_000 + b'"}', "an object of more than 1048576 bytes begins"),
        (gzip.compress(b'{"Records":[]}')[:-9], "cannot be read: "),
        (b'{"eventSource":"kms.amazonaws.com"}', "event 1 is none of CloudTrail's: Object missing required field"),
        (b'{"eventSource":"kms.amazonaws.com","x":' + b"[" * 5000 + b"]" * 5000 + b"}", "nested too deeply"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_file_that_is_none_of_cloudtrails_is_named(tmp_path: Path, content: bytes, reason: str | None) -> None:
    trail = write_trail(tmp_path / "trail", a_use("1"))
    cloudtrail = write_cloudtrail(tmp_path / "cloudtrail", an_event("1"))
    (cloudtrail / "bad.json").write_bytes(content)
    result = reconcile(Comparison(trails=(trail,), cloudtrail=cloudtrail, now=LATER))
    assert found(result) == []
    assert [each.file.name for each in result.unreadable] == (["bad.json"] if reason else [])
    assert not reason or reason in result.unreadable[0].text
    assert result.is_clean is (reason is None)


def test_digests_and_insights_are_passed_over(tmp_path: Path) -> None:
    trail = write_trail(tmp_path / "trail", a_use("1"))
    cloudtrail = write_cloudtrail(tmp_path / "cloudtrail", an_event("1"))
    digests = cloudtrail / "AWSLogs/123456789012/CloudTrail-Digest/eu-central-1"
    digests.mkdir(parents=True)
    (digests / "digest.json.gz").write_bytes(b"no gzip at all")
    assert reconcile(Comparison(trails=(trail,), cloudtrail=cloudtrail, now=LATER)).is_clean


def test_a_side_that_is_not_there_is_said(tmp_path: Path) -> None:
    trail = write_trail(tmp_path / "trail")
    (tmp_path / "empty").mkdir()
    with pytest.raises(OperatorError, match="no CloudTrail log files"):
        reconcile(Comparison(trails=(trail,), cloudtrail=tmp_path / "empty", now=LATER))
    cloudtrail = write_cloudtrail(tmp_path / "cloudtrail")
    with pytest.raises(OperatorError, match="is no audit trail"):
        reconcile(Comparison(trails=(tmp_path / "empty",), cloudtrail=cloudtrail, now=LATER))


def test_the_earliest_findings_are_shown_and_all_are_counted(tmp_path: Path) -> None:
    uses = [a_use(str(number), at=AT + 1000 - number) for number in range(300)]
    result = compared(tmp_path, uses, [an_event("other")], shown=5)
    assert result.found == {"unknown_use": 300, "unseen_event": 1}
    assert [each.request_id for each in result.discrepancies] == ["other", "299", "298", "297", "296"]


def test_a_partition_that_is_too_large_is_divided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "PARTITION_BYTES", 100)
    ids = [str(number) for number in range(2000)]
    result = compared(tmp_path, [a_use(each) for each in ids], [an_event(each) for each in ids if each != "1234"])
    assert found(result) == [("unknown_use", "1234")]
    assert result.matched == 1999


def test_a_session_is_one_of_its_role_and_of_no_other_session(tmp_path: Path) -> None:
    role, other = "arn:aws:iam::123456789012:role/path/app", BOB.replace("bob", "eve")
    uses = [a_use("1", by=role), a_use("2", by=BOB), a_use("3", by=BOB)]
    events = [an_event("1", by=BOB), an_event("2", by=role), an_event("3", by=other)]
    assert found(compared(tmp_path, uses, events)) == [("principal", "3")]


def test_a_service_that_calls_for_itself_is_compared_by_its_name(tmp_path: Path) -> None:
    service = {"type": "AWSService", "invokedBy": "s3.amazonaws.com"}
    uses = [a_use("1", by="s3.amazonaws.com"), a_use("2", by="ebs.amazonaws.com"), a_use("3", by=ALICE)]
    events = [
        an_event("1", userIdentity=service),
        an_event("2", userIdentity=service),
        an_event("3", userIdentity={"accountId": "123456789012", "invokedBy": None}),
    ]
    assert found(compared(tmp_path, uses, events)) == [("principal", "2")]
