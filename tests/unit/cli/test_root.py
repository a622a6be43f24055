from __future__ import annotations

import json
from pathlib import Path

import pytest

from hyok.custody.file_root import create_file_root
from tests.unit.cli.conftest import HOLDER, Hyok


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hyok.assembly.root_keys.RootKeyChange.rewrap.__kwdefaults__", {"pause_seconds": 0.0})


@pytest.fixture
def stocked(hyok: Hyok) -> Hyok:
    """A storage with a key store, its credential and a key."""
    assert hyok("keystore", "create", "main").status == 0
    assert hyok("credential", "create", "main", "--output", "json").status == 0
    assert hyok("key", "create", "payroll", "--keystore", "main").status == 0
    return hyok


def test_a_root_key_is_created_and_never_overwritten(hyok: Hyok, tmp_path: Path) -> None:
    created = hyok("root", "create", "second.key", "--output", "json")
    assert created.status == 0
    assert len(json.loads(created.out)["root_key"]["id"]) == 16
    assert (tmp_path / "second.key").stat().st_mode & 0o777 == 0o600
    assert hyok("root", "create", "second.key").status == 2


def test_the_root_key_is_replaced_by_another(stocked: Hyok, tmp_path: Path) -> None:
    second = create_file_root(tmp_path / "second.key").id
    first = json.loads(stocked("root", "show", "--output", "json").out)["root_key"]["id"]
    refused = stocked("root", "rewrap", "--to", "file:second.key")
    assert refused.status == 2
    assert refused.err == (
        "hyok: Everything secret in the storage (1 in credentials, 1 in audit_keys, 1 in embedded_key_versions) will "
        f"be sealed anew under root key {second}. Until `hyok root retire`, both {first} and {second} open the "
        "storage. Servers go on meanwhile; to do it without being asked, add --yes\n"
    )
    done = stocked("root", "rewrap", "--to", "file:second.key", "--yes")
    assert done.status == 0
    assert f"Passes to      {second}\n" in done.out
    assert 'Next: set source = "file:second.key" in [root_key], restart' in done.err
    assert stocked("root", "retire", "--yes").status == 1  # the configuration still names the first
    (tmp_path / "hyok.toml").write_text(HOLDER.replace("root.key", "second.key"))
    assert stocked("key", "rotate", "payroll").status == 0
    retired = stocked("root", "retire", "--yes", "--output", "json")
    assert json.loads(retired.out)["root_key"]["id"] == second
    assert stocked("key", "rotate", "payroll").status == 0
    (tmp_path / "hyok.toml").write_text(HOLDER)
    assert f"kept under root key {second}" in stocked("key", "rotate", "payroll").err


def test_a_rewrap_can_be_run_again(stocked: Hyok, tmp_path: Path) -> None:
    create_file_root(tmp_path / "second.key")
    counts = [
        json.loads(stocked("root", "rewrap", "--to", "file:second.key", "--yes", "--output", "json").out)["resealed"]
        for _ in range(2)
    ]
    assert counts == [3, 0]
    assert "This was begun before and goes on" in stocked("root", "rewrap", "--to", "file:second.key").err


@pytest.mark.parametrize(
    ("to", "sentence"), [("file:nope.key", "cannot be read"), ("nope", "--to names a root key as root_key.source does")]
)
def test_a_root_key_that_is_none_changes_nothing(stocked: Hyok, to: str, sentence: str) -> None:
    before = stocked("root", "show").out
    result = stocked("root", "rewrap", "--to", to, "--yes")
    assert result.status == 2
    assert sentence in result.err
    assert stocked("root", "show").out == before


def test_shares_are_printed_once_and_enough_of_them_are_the_root_key(hyok: Hyok, tmp_path: Path) -> None:
    made = json.loads(hyok("root", "create", "--shares", "2-of-3", "--output", "json").out)
    (tmp_path / "hyok.toml").write_text(HOLDER.replace("file:root.key", "shamir:file:shares"))
    (tmp_path / "shares").write_text("\n".join(made["groups"][0][1:]))
    assert hyok("key", "create", "payroll").status == 0
    assert json.loads(hyok("root", "show", "--output", "json").out)["root_key"]["id"] == made["root_key"]["id"]
    (tmp_path / "shares").write_text("\n".join(made["groups"][0][:2]))
    assert hyok("key", "rotate", "payroll").status == 0
    (tmp_path / "shares").write_text(made["groups"][0][0])
    assert "not enough shares: 1 of 2 in group 1" in hyok("key", "rotate", "payroll").err


def test_groups_of_shares_are_printed_each_under_its_head(hyok: Hyok) -> None:
    printed = hyok("root", "create", "--shares", "2-of-3", "--shares", "1-of-1", "--groups", "1").out
    assert "Group 1  2-of-3; 1 of 2 groups are needed\n" in printed
    assert "Group 2  1-of-1; 1 of 2 groups are needed\n" in printed
    assert len([line for line in printed.splitlines() if line.startswith("Share ")]) == 4


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "name either a file or --shares M-of-N"),
        (("second.key", "--shares", "2-of-3"), "name either a file or --shares M-of-N"),
        (("--shares", "3"), "--shares is M-of-N, for example 3-of-5, and '3' is not"),
        (("--shares", "4-of-3"), "4 of 3 shares cannot be"),
        (("--shares", "2-of-3", "--groups", "2"), "2 of 1 groups cannot be"),
    ],
)
def test_shares_that_cannot_be_are_wrong_usage(hyok: Hyok, arguments: tuple[str, ...], sentence: str) -> None:
    result = hyok("root", "create", *arguments)
    assert (result.status, result.out) == (2, "")
    assert sentence in result.err


def test_a_storage_passes_to_a_passphrase(stocked: Hyok, tmp_path: Path) -> None:
    (tmp_path / "words").write_text("correct horse battery staple\n")
    assert stocked("root", "rewrap", "--to", "passphrase:file:words", "--yes").status == 0
    (tmp_path / "hyok.toml").write_text(HOLDER.replace("file:root.key", "passphrase:file:words"))
    assert stocked("root", "retire", "--yes").status == 0
    assert stocked("key", "rotate", "payroll").status == 0
    (tmp_path / "words").write_text("incorrect horse battery staple\n")
    refused = stocked("key", "rotate", "payroll")
    assert refused.status == 2
    assert "the root key given does not open the storage" in refused.err
