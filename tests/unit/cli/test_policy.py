from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hyok.audit.event import RequestRecord
from hyok.audit.opening import open_audit_log
from hyok.cli.main import run
from hyok.custody.records import read_records
from hyok.storage.engine import open_storage
from hyok.storage.schema import Side
from hyok.xks.messages import RequestMetadata
from tests.unit.audit.logs import new_signer
from tests.unit.cli.conftest import Hyok
from tests.unit.proxy.authorization.written import document

POLICY = document({"Sid": "Bob", "Principal": {"AWS": "arn:aws:iam::111122223333:user/Bob"}})


@pytest.fixture
def main(hyok: Hyok, tmp_path: Path) -> Hyok:
    """A key store `main` that offers the key `payroll`, and a policy in a file."""
    (tmp_path / "policy.json").write_text(POLICY)
    assert hyok("keystore", "create", "main").status == 0
    assert hyok("key", "create", "payroll", "--keystore", "main").status == 0
    return hyok


def listed(main: Hyok) -> list[tuple[str, str | None, str, str]]:
    policies = json.loads(main("policy", "show", "--output", "json").out)["policies"]
    return [(each["keystore"], each["external_key_id"], each["name"], each["mode"]) for each in policies]


def test_a_policy_is_set_shown_and_removed(main: Hyok) -> None:
    set_ = main("policy", "set", "policy.json", "--keystore", "main", "--yes", "--output", "json")
    assert set_.status == 0
    (policy,) = json.loads(set_.out)["policies"]
    assert policy.pop("set_at").endswith("Z")
    assert policy == {
        "keystore": "main",
        "external_key_id": None,
        "name": "default",
        "mode": "enforced",
        "label": "keystore/default",
        "document": POLICY,
    }
    assert "main       all           default  enforced" in main("policy", "show", "--keystore", "main").out
    removed = main("policy", "remove", "--keystore", "main", "--yes")
    assert (removed.status, removed.err) == (0, "Policy default of key store main is removed.\n")
    assert main("policy", "show").err.startswith("No policies: nothing but AWS decides")


def test_the_first_policy_in_force_and_the_last_to_go_are_asked_about(main: Hyok) -> None:
    asked = main("policy", "set", "policy.json", "--keystore", "main", "--key", "payroll")
    assert asked.status == 2
    assert "whatever this policy does not allow is refused to AWS KMS for external key payroll" in asked.err
    assert listed(main) == []
    assert main("policy", "set", "policy.json", "--keystore", "main", "--key", "payroll", "--yes").status == 0
    again = main("policy", "set", "policy.json", "--keystore", "main", "--key", "payroll", "--name", "more")
    assert again.status == 0, "a further policy can only allow more"
    assert main("policy", "remove", "--keystore", "main", "--key", "payroll", "--name", "more").status == 0
    last = main("policy", "remove", "--keystore", "main", "--key", "payroll")
    assert (last.status, "No policy is left in force" in last.err) == (2, True)


def test_shadow_mode_needs_no_question(main: Hyok) -> None:
    assert main("policy", "set", "policy.json", "--keystore", "main", "--shadow").status == 0
    assert listed(main) == [("main", None, "default", "shadow")]
    assert main("policy", "remove", "--keystore", "main", "--shadow").status == 0
    assert listed(main) == []


def test_what_is_not_there_is_said(main: Hyok) -> None:
    assert main("policy", "set", "absent.json", "--keystore", "main", "--yes").err == (
        "hyok: cannot read absent.json: No such file or directory\n"
    )
    assert "no key store named 'nope'" in main("policy", "set", "policy.json", "--keystore", "nope", "--shadow").err
    assert "has no policy 'default'" in main("policy", "remove", "--keystore", "main", "--yes").err


def test_check_tells_line_and_suggestion(hyok: Hyok, tmp_path: Path) -> None:
    (tmp_path / "good.json").write_text(POLICY)
    (tmp_path / "bad.json").write_text(json.dumps(json.loads(POLICY), indent=2).replace("kms:*", "kms:Decrpt"))
    assert hyok("policy", "check", "good.json").out == "good.json: a policy of 1 statement\n"
    found = hyok("policy", "check", "good.json", "bad.json")
    assert found.status == 1
    assert found.out.splitlines()[1] == (
        'bad.json: line 9, column 17: "kms:Decrpt" is no action of a proxy policy; did you mean "kms:Decrypt"?'
    )
    reported = hyok("policy", "check", "bad.json", "--output", "json")
    assert reported.status == 1
    assert json.loads(reported.out)["policies"][0] | {"problem": ""} == {
        "file": "bad.json",
        "is_valid": False,
        "statements": None,
        "line": 9,
        "column": 17,
        "problem": "",
    }


EVE = ("--principal", "arn:aws:iam::111122223333:user/Eve")
BOB = ("--principal", "arn:aws:iam::111122223333:user/Bob")


def test_expectations_of_policies_in_files_need_no_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policy.json").write_text(POLICY)
    asked = {"request_metadata": {"awsPrincipalArn": BOB[1], "kmsOperation": "Decrypt"}}
    (tmp_path / "met.json").write_text(json.dumps([{"name": "bob reads", "request": asked, "expect": "allowed"}]))
    (tmp_path / "not.json").write_text(json.dumps([{"name": "bob", "request": asked, "expect": "refused"}]))
    assert run(["policy", "test", "met.json", "--policy", "policy.json"]) == 0
    assert capsys.readouterr().out == "ok    bob reads: allowed by Bob\n"
    assert run(["policy", "test", "not.json", "--policy", "policy.json"]) == 1
    assert capsys.readouterr().out == "FAIL  bob: allowed by Bob; expected: refused\n"
    assert run(["policy", "test", "not.json", "--policy", "policy.json", "--output", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["expectations"] == [
        {
            "name": "bob",
            "is_met": False,
            "expected": "refused",
            "decision": "allowed",
            "policy": "policy.json",
            "statement": "Bob",
        }
    ]


def test_explain_tells_which_statement_decides_and_why(main: Hyok) -> None:
    main("policy", "set", "policy.json", "--keystore", "main", "--yes")
    found = main("policy", "explain", "--keystore", "main", "--key", "payroll", *BOB)
    assert found.status == 0
    assert found.out.splitlines()[:3] == [
        "allowed by Bob of keystore/default",
        "",
        "keystore/default, line 1: Bob (Allow) applies",
    ]
    assert main("policy", "explain", "--keystore", "main", *EVE).out.startswith("not allowed: no statement allows it")
    document = json.loads(main("policy", "explain", "--keystore", "main", *EVE, "--output", "json").out)
    assert document["decision"] == "not allowed"
    assert [element["is_met"] for element in document["places"][0][0]["elements"]] == [False, True]


def test_explain_takes_a_record_of_the_audit_trail(main: Hyok, tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text(
        json.dumps({"event": "xks_request", "request_metadata": {"awsPrincipalArn": BOB[1], "kmsOperation": "Encrypt"}})
    )
    assert main("policy", "explain", "--policy", "policy.json", "--record", "record.json").out.startswith(
        "allowed by Bob of policy.json"
    )
    (tmp_path / "record.json").write_text("[]")
    assert main("policy", "explain", "--policy", "policy.json", "--record", "record.json").status == 1


def test_explain_takes_further_metadata(main: Hyok, tmp_path: Path) -> None:
    (tmp_path / "further.json").write_text(
        document({"Condition": {"StringEquals": {"hyok:RequestMetadata/SourceIdentity": "alice"}}})
    )
    told = main("policy", "explain", "--policy", "further.json", *BOB, "--metadata", "sourceIdentity=alice")
    assert told.out.startswith("allowed by statement 1")
    assert main("policy", "explain", "--policy", "further.json", *BOB).out.startswith("not allowed")
    assert main("policy", "explain", "--policy", "further.json", "--metadata", "alice").status == 2


def test_either_files_or_a_key_store_is_named(main: Hyok) -> None:
    assert main("policy", "explain", *BOB).status == 2
    assert main("policy", "explain", *BOB, "--keystore", "main", "--policy", "policy.json").status == 2
    assert "key store main has no policies" in main("policy", "explain", *BOB, "--keystore", "main").err


def test_replay_reads_the_audit_trail(main: Hyok, tmp_path: Path) -> None:
    with closing(open_audit_log(tmp_path / "trail", service="proxy", signer=new_signer())) as log:
        for principal in (BOB[1], EVE[1], EVE[1]):
            asked = RequestMetadata("Decrypt", "1", principal, "arn:aws:kms:x:1:key/1")
            log.append(
                RequestRecord(
                    datetime.now(UTC),
                    "192.0.2.7:1",
                    key_store="main",
                    external_key_id="payroll",
                    operation="Decrypt",
                    request_metadata=asked,
                    status=200,
                ),
                log.reserve(10),
            )
        log.flush()
    found = main("policy", "replay", "policy.json", "--directory", "trail")
    assert found.status == 1
    row = found.out.splitlines()[1].split()
    assert row[:5] == ["refused", "2", EVE[1], "Decrypt", "main/payroll"]
    assert " ".join(row[5:]) == "no statement allows it"
    assert found.err == ("3 requests: 2 become refused, 0 become allowed, 1 stay allowed, 0 stay refused.\n")
    main("policy", "set", "policy.json", "--keystore", "main", "--yes")
    beside = main("policy", "replay", "policy.json", "--directory", "trail", "--keystore", "main", "--output", "json")
    document = json.loads(beside.out)
    assert (document["evaluated"], document["become_refused"], document["still_allowed"]) == (3, 2, 1)
    assert document["changes"][0]["principal"] == EVE[1]
    assert main("policy", "replay", "policy.json", "--directory", "trail", "--until", "2020-01-01").status == 0
    assert main("policy", "replay", "policy.json", "--directory", "trail", "--key", "payroll").status == 2


def test_callers_of_a_key_are_allowed_listed_and_recorded(main: Hyok, tmp_path: Path) -> None:
    assert main("policy", "callers").err.startswith("None yet")
    allowed = main("policy", "allow-caller", "111122223333", "--keystore", "main", "--key", "payroll")
    assert allowed.err == "External key payroll may decrypt for 111122223333.\n"
    assert main("policy", "allow-caller", "111122223333", "--keystore", "main", "--key", "payroll").status == 0
    listed = json.loads(main("policy", "callers", "--keystore", "main", "--output", "json").out)["callers"]
    assert listed == [{"key_store": "main", "external_key_id": "payroll", "caller": "111122223333"}]
    assert main("policy", "allow-caller", "111122223333", "--keystore", "main", "--key", "nope").status == 1
    url = f"sqlite:///{tmp_path / 'hyok.db'}"
    with closing(open_storage(url, Side.HOLDER)) as storage, storage.reading() as connection:
        records = [stored.record for stored in read_records(connection)]
    assert (records[-1].act, records[-1].subject, records[-1].details["caller"]) == (
        "allow a caller of",
        "main/payroll",
        "111122223333",
    )
