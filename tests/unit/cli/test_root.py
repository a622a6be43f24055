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
        "hyok: Everything secret in the storage (1 in credentials, 1 in embedded_key_versions) will be sealed anew "
        f"under root key {second}. Until `hyok root retire`, both {first} and {second} open the storage. Servers go on "
        "meanwhile; to do it without being asked, add --yes\n"
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
    assert counts == [2, 0]
    assert "This was begun before and goes on" in stocked("root", "rewrap", "--to", "file:second.key").err


@pytest.mark.parametrize(
    ("to", "sentence"), [("file:nope.key", "cannot be read"), ("nope", "--to is a reference as in root_key.source")]
)
def test_a_root_key_that_is_none_changes_nothing(stocked: Hyok, to: str, sentence: str) -> None:
    before = stocked("root", "show").out
    result = stocked("root", "rewrap", "--to", to, "--yes")
    assert result.status == 2
    assert sentence in result.err
    assert stocked("root", "show").out == before
