"""The report of a drill: signed, and of no worth once it was altered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Hyok


@pytest.fixture
def report(hyok: Hyok, tmp_path: Path) -> Path:
    assert hyok("--reason", "quarterly", "freeze", "--drill", "--report", "drill.txt").status == 0
    return tmp_path / "drill.txt"


def test_a_drill_touches_no_key_store_and_leaves_nothing_frozen(hyok: Hyok, report: Path) -> None:
    assert json.loads(hyok("keystore", "list", "--output", "json").out)["keystores"] == []
    assert json.loads(hyok("freeze", "--list", "--output", "json").out)["freezes"] == []


def test_a_report_verifies_as_long_as_it_is_as_it_was_signed(hyok: Hyok, report: Path) -> None:
    shown = hyok("freeze", "--verify-report", "drill.txt")
    assert shown.status == 0
    assert "Signed by       hyok.audit" in shown.out
    report.write_text(report.read_text().replace('"reason":"quarterly"', '"reason":"yearly"'))
    altered = hyok("freeze", "--verify-report", "drill.txt")
    assert altered.status == 1
    assert "does not verify: the signature of hyok.audit under the note is not right" in altered.err


def test_an_operators_drill_bears_their_signature(hyok: Hyok) -> None:
    hyok("operator", "create", "alice")
    assert hyok("freeze", "--drill", "--report", "drill.txt", "--operator", "alice.operator").status == 0
    shown = json.loads(hyok("freeze", "--verify-report", "drill.txt", "--output", "json").out)["drill"]
    assert (shown["signed_by"], shown["waits_for_operator"], shown["has_passed"]) == ("alice", False, True)


def test_an_unsigned_drill_is_refused_where_an_unfreeze_has_to_be_signed(hyok: Hyok) -> None:
    hyok("operator", "create", "alice")
    result = hyok("freeze", "--drill")
    assert result.status == 1
    assert "an operator has to sign this" in result.err
    assert json.loads(hyok("freeze", "--list", "--output", "json").out)["freezes"] == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "does not verify: a note is a text"),
        (b"hello\n\n\xe2\x80\x94 mallory AAAAAAAA\n", "it is signed by nobody who is an operator here"),
    ],
)
def test_what_is_no_report_is_refused(hyok: Hyok, tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "drill.txt").write_bytes(content)
    result = hyok("freeze", "--verify-report", "drill.txt")
    assert result.status == 1
    assert message in result.err


def test_a_file_that_is_not_there_is_named(hyok: Hyok) -> None:
    assert hyok("freeze", "--verify-report", "missing").status == 2


def test_an_endpoint_that_does_not_answer_is_found_before_anything_is_frozen(
    hyok: Hyok, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hyok.administration.drill_probe._PATIENCE_SECONDS", 0.2)
    result = hyok("freeze", "--drill", "--endpoint", "127.0.0.1:1")
    assert result.status == 1
    assert "the test key cannot be used at the endpoint, so nothing was frozen" in result.err
    assert hyok("freeze", "--drill", "--endpoint", "127.0.0.1").status == 2
