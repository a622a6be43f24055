"""Whatever command changes the holder's side leaves a record, signed by its operator and copied into the trail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding

from hyok.cli.main import hyok_command
from tests.unit.cli.conftest import HOLDER, Hyok
from tests.unit.cli.test_records import trail_of

ANCHORED: Final = HOLDER.replace("[root_key]", 'anchor = "anchors/holder"\n[root_key]')
SECRETS: Final = frozenset(("secret", "secret_access_key", "material", "passphrase"))

CHANGES_NOTHING_HERE: Final = {
    "anchor show": "reads",
    "audit checkpoint": "reads the audit trail",
    "audit export": "reads the audit trail",
    "audit key": "reads",
    "audit prove check": "reads",
    "audit prove growth": "reads the audit trail",
    "audit prove record": "reads the audit trail",
    "audit reconcile": "reads the audit trail",
    "audit show": "reads the audit trail",
    "audit verify": "reads the audit trail",
    "config check": "reads",
    "config show": "reads",
    "credential list": "reads",
    "dev": "has a holder's side of its own, to try things out",
    "init": "makes a holder's side; its records await the first command: tests/unit/cli/test_init.py",
    "key list": "reads",
    "key show": "reads",
    "keystore import-sample": "needs an HSM: tests/integration/succession/test_import_sample.py",
    "keystore list": "reads",
    "keystore show": "reads",
    "kms serve": "is the KMS's side",
    "operator list": "reads",
    "policy callers": "reads",
    "policy check": "reads",
    "policy explain": "reads",
    "policy replay": "reads",
    "policy show": "reads",
    "policy test": "reads",
    "principal create": "is the KMS's side",
    "principal delete": "is the KMS's side",
    "principal list": "is the KMS's side",
    "proxy serve": "what servers change by themselves is recorded by what does it",
    "proxy work": "is a part of proxy serve",
    "root create": "makes a key that no storage knows yet",
    "root show": "reads",
}


class Change(NamedTuple):
    """A command line, `LAST` in it being the number of the newest record, and the records that it leaves."""

    command: str
    arguments: tuple[str, ...]
    records: tuple[tuple[str, str], ...]
    operator: str = "alice"


def change(command: str, *arguments: str, leaves: tuple[tuple[str, str], ...], operator: str = "alice") -> Change:
    return Change(command, arguments, leaves, operator)


KEY: Final = ("--keystore", "main", "--key", "payroll")

CHANGES: Final = (
    change("keystore create", "main", leaves=(("create key store", "main"),)),
    change("keystore update", "main", "--quota", "5", leaves=(("update key store", "main"),)),
    change("credential create", "main", "--secret-file", "secret", leaves=(("create credential", "main"),)),
    change("keystore console-file", "main", "main.json", leaves=(("reveal secret of credential", "main"),)),
    change(
        "key create",
        *("payroll", "--keystore", "main"),
        leaves=(("create embedded key", "payroll"), ("add external key", "main/payroll")),
    ),
    change(
        "key import",
        *("spare", "--wrapped", "spare.kwp", "--wrapping-key", "file:journey.key", "--check-value", "dc95c0"),
        leaves=(("import embedded key", "spare"),),
    ),
    change("key add", "spare", "--keystore", "main", leaves=(("add external key", "main/spare"),)),
    change(
        "key add-copy",
        *("payroll", "software:spare", "--keystore", "main"),
        leaves=(("add copy to external key", "main/payroll"),),
    ),
    change("key bind", "payroll", "--keystore", "main", leaves=(("bind at next use external key", "main/payroll"),)),
    change("key unbind", "payroll", "--keystore", "main", "--yes", leaves=(("unbind external key", "main/payroll"),)),
    change("key rotate", "payroll", leaves=(("rotate embedded key", "payroll"),)),
    change("key disable", "payroll", "--yes", leaves=(("disable embedded key", "payroll"),)),
    change("key enable", "payroll", leaves=(("enable embedded key", "payroll"),)),
    change("key delete", "payroll", "--yes", leaves=(("schedule deletion of embedded key", "payroll"),)),
    change("key cancel-deletion", "payroll", leaves=(("cancel deletion of embedded key", "payroll"),)),
    change("policy set", "policy.json", "--keystore", "main", "--yes", leaves=(("set policy", "main"),)),
    change("policy remove", "--keystore", "main", "--yes", leaves=(("remove policy", "main"),)),
    change("policy allow-caller", "111122223333", *KEY, leaves=(("allow a caller of external key", "main/payroll"),)),
    change("freeze", *KEY, "--yes", leaves=(("freeze", "external key main/payroll"),)),
    change("unfreeze", *KEY, "--yes", leaves=(("unfreeze", "external key main/payroll"),)),
    change("operator create", "bob", leaves=(("add operator", "bob"),)),
    change("operator require", "2", leaves=(("require operators", "2 operators"),)),
    change("operator require", "1", leaves=(("require operators", "1 operators"),)),
    change("operator confirm", "LAST", "--yes", leaves=(("confirm", "1 operators"),), operator="bob"),
    change("operator delete", "bob", "--yes", leaves=(("remove operator", "bob"),)),
    change("credential retire", "ACCESS_KEY", "--yes", leaves=(("retire credential", "main"),)),
    change("credential delete", "ACCESS_KEY", "--yes", leaves=(("delete credential", "main"),)),
    change("keystore delete", "main", "--with-keys", "--yes", leaves=(("delete key store", "main"),)),
    change(
        "root rewrap",
        *("--to", "file:second.key", "--yes"),
        leaves=(("pass the storage to root key", "SECOND"), ("seal everything under root key", "SECOND")),
    ),
    change("root retire", "--yes", leaves=(("retire root key", "FIRST"),)),
    change("anchor reset", "--yes", leaves=(("reset anchor", "ANCHOR"),)),
)


@pytest.fixture
def prepared(hyok: Hyok, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hyok:
    """A holder's side whose first operator is alice, and the files that the commands name."""
    monkeypatch.setattr("hyok.assembly.root_keys.RootKeyChange.rewrap.__kwdefaults__", {"pause_seconds": 0.0})
    (tmp_path / "hyok.toml").write_text(ANCHORED)
    (tmp_path / "journey.key").write_bytes(bytes(range(32)))
    (tmp_path / "spare.kwp").write_bytes(aes_key_wrap_with_padding(bytes(range(32)), bytes(32)))
    (tmp_path / "policy.json").write_text(
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*"}]}'
    )
    assert hyok("operator", "create", "alice").status == 0
    return hyok


def commands_of(command: click.Command, *path: str) -> Iterator[str]:
    if not isinstance(command, click.Group):
        yield " ".join(path)
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        yield from commands_of(below, *path, name)


def test_it_is_known_of_each_command_whether_it_changes_the_holders_side() -> None:
    changing = {each.command for each in CHANGES}
    assert changing.isdisjoint(CHANGES_NOTHING_HERE)
    assert changing | set(CHANGES_NOTHING_HERE) == set(commands_of(hyok_command))


def test_each_command_that_changes_the_holders_side_leaves_its_records_signed(
    prepared: Hyok, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (
        json.loads(prepared("root", *arguments, "--output", "json").out)["root_key"]["id"]
        for arguments in (["show"], ["create", "second.key"])
    )
    words = {"FIRST": first, "SECOND": second, "ANCHOR": str(tmp_path / "anchors/holder")}
    records = trail_of(prepared)
    for each in CHANGES:
        words["LAST"] = str(records[-1]["sequence"])
        make_ready(each.command, prepared, tmp_path, words)
        monkeypatch.setenv("HYOK_OPERATOR", f"{each.operator}.operator")
        arguments = [words.get(argument, argument) for argument in each.arguments]
        result = prepared("--reason", "ticket 4711", *each.command.split(), *arguments)
        assert result.status == 0, (each, result.err)
        records, before = trail_of(prepared), records
        left = records[len(before) :]
        expected = [(action, words.get(subject, subject)) for action, subject in each.records]
        assert [(record["action"], record["subject"]) for record in left] == expected, each
        for record in left:
            assert record["operator"] == each.operator
            assert record["signature"].startswith(f"— {each.operator} ")
            assert record["reason"] == "ticket 4711"
            assert SECRETS.isdisjoint(json.loads(record["record"]).get("details", {}))
    assert_chained(records)
    secret = (tmp_path / "secret").read_text().strip()
    assert secret not in json.dumps(records)
    assert prepared("audit", "verify").status == 0


def make_ready(command: str, hyok: Hyok, directory: Path, words: dict[str, str]) -> None:
    """Do what a command needs to have been done by hand."""
    if command == "credential retire":
        listed = json.loads(hyok("credential", "list", "main", "--output", "json").out)["credentials"]
        words["ACCESS_KEY"] = listed[0]["access_key_id"]
    elif command == "root retire":
        (directory / "hyok.toml").write_text(ANCHORED.replace("root.key", "second.key"))
    elif command == "anchor reset":
        (directory / "anchors/holder").unlink()


def assert_chained(records: list[dict[str, Any]]) -> None:
    assert [each["sequence"] for each in records] == list(range(1, len(records) + 1))
    assert all(json.loads(each["record"])["previous"] for each in records[1:])


def test_a_command_that_only_reads_cannot_change_anything_by_mistake(
    hyok: Hyok, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hyok.cli.options import opened_holder

    assert hyok("keystore", "create", "main").status == 0
    with monkeypatch.context() as patch:
        patch.setattr("hyok.cli.keystore.changing_holder", opened_holder)
        refused = hyok("keystore", "update", "main", "--quota", "5")
    assert (refused.status, refused.out) == (1, "")
    assert "a defect of hyok: RuntimeError" in refused.err
    assert json.loads(hyok("keystore", "show", "main", "--output", "json").out)["keystore"]["quota"] is None
