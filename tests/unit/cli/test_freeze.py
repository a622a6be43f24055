from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import Hyok


def made(hyok: Hyok, *arguments: str) -> Any:
    result = hyok(*arguments, "--output", "json")
    assert result.status == 0, result.err
    return json.loads(result.out)


@pytest.fixture
def main(hyok: Hyok) -> Hyok:
    made(hyok, "keystore", "create", "main")
    return hyok


def test_freezes_are_made_listed_and_lifted(main: Hyok) -> None:
    frozen = made(main, "freeze", "--keystore", "main", "--yes", "--reason", "incident 4711")["freeze"]
    assert (frozen["scope"], frozen["name"], frozen["reason"]) == ("key store", "main", "incident 4711")
    assert (frozen["servers"], frozen["unanswered"], frozen["operator"]) == ([], [], None)
    [listed] = made(main, "freeze", "--list")["freezes"]
    assert (listed["record"], listed["reason"]) == (frozen["record"], "incident 4711")
    lifted = made(main, "unfreeze", "--keystore", "main", "--yes")["unfreeze"]
    assert lifted["is_in_force"]
    assert made(main, "freeze", "--list")["freezes"] == []


@pytest.mark.parametrize(
    "arguments",
    [(), ("--keystore", "main", "--everything"), ("--key", "k"), ("--account", "123456789012", "--principal", "x")],
)
def test_a_freeze_names_one_thing(main: Hyok, arguments: tuple[str, ...]) -> None:
    assert main("freeze", *arguments, "--yes").status == 2
    assert main("unfreeze", *arguments, "--yes").status == 2


def test_a_freeze_asks(main: Hyok) -> None:
    result = main("freeze", "--everything")
    assert result.status == 2
    assert "AWS KMS will be refused every use of every key of this installation, until it is unfrozen" in result.err
    assert made(main, "freeze", "--list")["freezes"] == []


def test_two_operators_unfreeze(main: Hyok, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYOK_OPERATOR_PASSPHRASE", "correct horse")
    made(main, "operator", "create", "alice", "--passphrase")
    assert stat.S_IMODE((tmp_path / "alice.operator").stat().st_mode) == 0o600
    assert main("operator", "create", "bob").status == 1
    assert not (tmp_path / "bob.operator").exists()
    made(main, "operator", "create", "bob", "--operator", "alice.operator")
    made(main, "operator", "require", "2", "--operator", "bob.operator")
    made(main, "freeze", "--keystore", "main", "--yes", "--operator", "alice.operator")
    monkeypatch.setenv("HYOK_OPERATOR", "alice.operator")
    unfreeze = made(main, "unfreeze", "--keystore", "main", "--yes", "--reason", "over")["unfreeze"]
    assert (unfreeze["is_in_force"], unfreeze["operator"]) == (False, "alice")
    [waits] = unfreeze["waits_for_confirmation"]
    assert made(main, "operator", "list")["pending"][0] == {
        "record": waits,
        "act": "unfreeze",
        "subject": "key store main",
        "at": made(main, "operator", "list")["pending"][0]["at"],
        "reason": "over",
        "signers": ["alice"],
        "needed": 2,
    }
    confirmed = made(main, "--operator", "bob.operator", "operator", "confirm", str(waits), "--yes")["operator"]
    assert confirmed["is_in_force"]
    assert made(main, "freeze", "--list")["freezes"] == []


def test_an_operators_key_from_elsewhere_needs_no_file(main: Hyok, tmp_path: Path) -> None:
    made(main, "operator", "create", "alice")
    key = made(main, "operator", "list")["operators"][0]["public_key"]
    assert main("operator", "create", "bob", "--public-key", key, "--operator", "alice.operator").status == 1
    other = "A" * 43 + "="
    made(main, "operator", "create", "bob", "--public-key", other, "--operator", "alice.operator")
    assert [each["name"] for each in made(main, "operator", "list")["operators"]] == ["alice", "bob"]
    made(main, "operator", "delete", "bob", "--yes", "--operator", "alice.operator")
    assert [each["name"] for each in made(main, "operator", "list")["operators"]] == ["alice"]
    assert not (tmp_path / "bob.operator").exists()


def test_a_key_that_cannot_be_used_is_said_before_anything_is_done(main: Hyok, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("hyok-root-1 AAAA\n")
    result = main("freeze", "--everything", "--yes", "--operator", "wrong")
    assert result.status == 2
    assert "wrong (17 bytes) is not an operator's key" in result.err
    assert main("freeze", "--everything", "--yes", "--operator", "missing").status == 2
    assert made(main, "freeze", "--list")["freezes"] == []


def test_texts_for_people_name_what_is_frozen_and_by_whom(main: Hyok) -> None:
    result = main("freeze", "--account", "123456789012", "--yes")
    assert "Frozen          account 123456789012" in result.out
    assert "Signed by       nobody" in result.out
    assert "No server runs on this storage." in result.err
    assert "account 123456789012" in main("freeze", "--list").out
    assert "No operators" in main("operator", "list").err


def test_a_frozen_key_store_is_shown_as_one(main: Hyok) -> None:
    made(main, "keystore", "create", "other")
    made(main, "freeze", "--keystore", "main", "--yes")
    states = {each["name"]: each["state"] for each in made(main, "keystore", "list")["keystores"]}
    assert states == {"main": "frozen", "other": "active"}
    assert made(main, "keystore", "show", "main")["keystore"]["state"] == "frozen"
    made(main, "freeze", "--everything", "--yes")
    assert made(main, "keystore", "show", "other")["keystore"]["state"] == "frozen"
