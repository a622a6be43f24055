from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.unit.cli.conftest import HOLDER, Hyok
from tests.unit.cli.test_records import trail_of


@pytest.fixture
def anchored(hyok: Hyok, tmp_path: Path) -> Hyok:
    """A storage with an anchor and one key."""
    (tmp_path / "hyok.toml").write_text(HOLDER.replace("[root_key]", 'anchor = "anchors/holder"\n[root_key]'))
    assert hyok("key", "create", "payroll").status == 0
    return hyok


def put_back_older_copy(hyok: Hyok, tmp_path: Path) -> None:
    for suffix in ("", "-wal"):
        if (tmp_path / f"hyok.db{suffix}").exists():
            shutil.copy(tmp_path / f"hyok.db{suffix}", tmp_path / f"copy{suffix}")
    assert hyok("key", "disable", "payroll", "--yes").status == 0
    for suffix in ("", "-wal", "-shm"):
        (tmp_path / f"hyok.db{suffix}").unlink(missing_ok=True)
        if (tmp_path / f"copy{suffix}").exists():
            shutil.copy(tmp_path / f"copy{suffix}", tmp_path / f"hyok.db{suffix}")


def test_an_older_copy_is_refused_by_every_command_until_it_is_taken_on_purpose(anchored: Hyok, tmp_path: Path) -> None:
    put_back_older_copy(anchored, tmp_path)
    for command in (("key", "list"), ("key", "create", "more"), ("root", "rewrap", "--to", "file:root.key", "--yes")):
        refused = anchored(*command)
        assert refused.status == 2, command
        assert "is an older copy: its newest change is number 1, and the anchor" in refused.err
    shown = anchored("anchor", "show", "--output", "json")
    assert shown.status == 1
    assert json.loads(shown.out)["anchor"]["newest_change"] == 1
    asked = anchored("anchor", "reset")
    assert asked.status == 2
    assert (
        "keys, credentials and key stores that were disabled, retired, frozen or deleted since are in use" in asked.err
    )
    assert anchored("anchor", "reset", "--yes").status == 0
    assert anchored("anchor", "show").status == 0
    assert "State           enabled\n" in anchored("key", "show", "payroll").out


def test_what_is_changed_after_an_older_copy_was_put_back_is_in_the_trail_behind_what_it_undid(
    anchored: Hyok, tmp_path: Path
) -> None:
    put_back_older_copy(anchored, tmp_path)
    assert anchored("anchor", "reset", "--yes").status == 0
    assert anchored("key", "rotate", "payroll").status == 0
    records = trail_of(anchored)
    assert [(each["sequence"], each["action"]) for each in records] == [
        (1, "create embedded key"),
        (2, "disable embedded key"),  # undone by the copy, which has another record 2
        (2, "reset anchor"),
        (3, "rotate embedded key"),
    ]
    reset = json.loads(records[2]["record"])
    assert reset["details"]["newest_change"] == 1
    assert "is an older copy" in reset["details"]["fault"]
    assert anchored("audit", "verify").status == 0


def test_an_anchor_for_a_storage_in_use_is_made_by_a_reset(hyok: Hyok, tmp_path: Path) -> None:
    hyok("key", "create", "payroll")
    (tmp_path / "hyok.toml").write_text(HOLDER.replace("[root_key]", 'anchor = "anchors/holder"\n[root_key]'))
    refused = hyok("key", "list")
    assert refused.status == 2
    assert "run `hyok anchor reset`" in refused.err
    assert hyok("anchor", "reset", "--yes").status == 0
    assert hyok("key", "list").status == 0


def test_check_looks_at_the_anchor(anchored: Hyok, tmp_path: Path) -> None:
    assert f"storage.anchor   ok       {tmp_path}/anchors/holder\n" in anchored("config", "check").out
    put_back_older_copy(anchored, tmp_path)
    checked = anchored("config", "check")
    assert checked.status == 2
    assert "is an older copy" in checked.err


def test_without_an_anchor_there_is_nothing_to_show(hyok: Hyok) -> None:
    result = hyok("anchor", "show")
    assert (result.status, result.out) == (1, "")
    assert "storage.anchor is not set, so that no older copy is noticed" in result.err


def test_a_new_root_key_leaves_the_anchor_in_order(anchored: Hyok, tmp_path: Path) -> None:
    anchored("root", "create", "second.key")
    assert anchored("root", "rewrap", "--to", "file:second.key", "--yes").status == 0
    assert anchored("key", "rotate", "payroll").status == 0
    file = tmp_path / "hyok.toml"
    file.write_text(file.read_text().replace("file:root.key", "file:second.key"))
    assert anchored("key", "rotate", "payroll").status == 0
    assert anchored("root", "retire", "--yes").status == 0
    assert anchored("key", "rotate", "payroll").status == 0
    assert anchored("anchor", "show").status == 0
