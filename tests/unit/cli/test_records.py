"""Every command that changes something leaves a record, in the storage and in the audit trail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hyok.config.configuration import load_configuration
from hyok.errors import NotDoneError
from tests.unit.cli.conftest import Hyok


def trail_of(hyok: Hyok) -> list[dict[str, Any]]:
    shown = hyok("audit", "show", "--log", "administration", "--output", "json")
    assert shown.status == 0, shown.err
    records = [each["record"] for each in json.loads(shown.out)["records"]]
    return [each for each in records if each["event"] == "administration"]


def acts_in(hyok: Hyok) -> list[tuple[str, str]]:
    return [(each["action"], each["subject"]) for each in trail_of(hyok)]


def test_each_change_is_in_the_trail_under_its_name(hyok: Hyok) -> None:
    for arguments in (
        ("keystore", "create", "main"),
        ("keystore", "update", "main", "--quota", "5"),
        ("credential", "create", "main"),
        ("key", "create", "payroll", "--keystore", "main"),
        ("key", "rotate", "payroll"),
        ("key", "disable", "payroll", "--yes"),
        ("key", "enable", "payroll"),
        ("key", "delete", "payroll", "--yes"),
        ("key", "cancel-deletion", "payroll"),
        ("freeze", "--keystore", "main", "--yes"),
        ("unfreeze", "--keystore", "main", "--yes"),
        ("operator", "create", "alice"),
        ("keystore", "delete", "main", "--with-keys", "--yes"),
    ):
        assert hyok(*arguments).status == 0
    assert acts_in(hyok) == [
        ("create key store", "main"),
        ("update key store", "main"),
        ("create credential", "main"),
        ("create embedded key", "payroll"),
        ("add external key", "main/payroll"),
        ("rotate embedded key", "payroll"),
        ("disable embedded key", "payroll"),
        ("enable embedded key", "payroll"),
        ("schedule deletion of embedded key", "payroll"),
        ("cancel deletion of embedded key", "payroll"),
        ("freeze", "key store main"),
        ("unfreeze", "key store main"),
        ("add operator", "alice"),
        ("delete key store", "main"),
    ]
    assert hyok("audit", "verify").status == 0


def test_a_record_says_what_changed_to_what_and_holds_no_secret(hyok: Hyok) -> None:
    hyok("keystore", "create", "main")
    hyok("--reason", "ticket 4711", "keystore", "update", "main", "--quota", "5")
    secret = json.loads(hyok("credential", "create", "main", "--output", "json").out)["credential"]
    updated, created = trail_of(hyok)[1:]
    assert json.loads(updated["record"])["details"] == {"quota": {"from": None, "to": 5}}
    assert updated["reason"] == "ticket 4711"
    assert json.loads(created["record"])["details"] == {"access_key_id": secret["access_key_id"]}
    assert secret["secret_access_key"] not in created["record"]


def test_an_operators_changes_are_signed(hyok: Hyok, monkeypatch: pytest.MonkeyPatch) -> None:
    hyok("operator", "create", "alice")
    monkeypatch.setenv("HYOK_OPERATOR", "alice.operator")
    hyok("keystore", "create", "main")
    record = trail_of(hyok)[-1]
    assert record["operator"] == "alice"
    assert record["signature"].startswith("— alice ")


def test_what_a_crash_kept_from_being_copied_is_copied_by_the_next_command(
    hyok: Hyok, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise NotDoneError("the disk is full")

    hyok("keystore", "create", "one")
    with monkeypatch.context() as patch:
        patch.setattr("hyok.assembly.audit.copy_administrative_records", crash)
        result = hyok("keystore", "create", "two")
        assert result.status == 0
        assert (
            "is recorded in the storage, and copied when the next command or server can: the disk is full" in result.err
        )
    assert acts_in(hyok) == [("create key store", "one")]
    hyok("keystore", "create", "three")
    assert [subject for _, subject in acts_in(hyok)] == ["one", "two", "three"]
    assert [each["sequence"] for each in trail_of(hyok)] == [1, 2, 3]


def test_records_are_copied_once_however_often_it_is_tried(hyok: Hyok, tmp_path: Path) -> None:
    from hyok.assembly.audit import copy_administrative_records
    from hyok.assembly.holder import open_holder

    hyok("keystore", "create", "one")
    configuration = load_configuration(tmp_path / "hyok.toml", {})
    with open_holder(configuration) as holder:
        assert copy_administrative_records(configuration.audit, holder) == 0
        (tmp_path / "elsewhere").mkdir()
        elsewhere = load_configuration(tmp_path / "hyok.toml", {"HYOK__AUDIT__DIRECTORY": str(tmp_path / "elsewhere")})
        assert copy_administrative_records(elsewhere.audit, holder) == 1
    assert len(trail_of(hyok)) == 1
