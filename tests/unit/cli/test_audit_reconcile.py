"""`hyok audit reconcile` as people and programs call it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.audit.reconciliation.sides import KEY, a_use, an_event, write_cloudtrail, write_trail
from tests.unit.cli.conftest import Hyok

UNTIL = ("--until", "2026-11-20")


def test_two_sides_that_tell_the_same_are_done_with_status_0(hyok: Hyok, tmp_path: Path) -> None:
    write_trail(tmp_path / "trail", a_use("1"))
    write_cloudtrail(tmp_path / "cloudtrail", an_event("1"))
    result = hyok("audit", "reconcile", "--cloudtrail", "cloudtrail", "--directory", "trail", *UNTIL)
    assert result.status == 0
    assert result.err == "both tell the same\n"
    assert result.out == (
        "compared    from 2026-11-18T11:06:40Z to 2026-11-19T23:45:00Z\n"
        "trail       3 records: 1 uses of keys, 0 health checks, 0 that nothing proves, 2 others\n"
        "CloudTrail  1 events in 1 files, 1 of AWS KMS\n"
        "matched     1 requests\n"
        "not judged  0 requests before or after what was compared\n"
    )


def test_what_is_found_is_a_table_and_status_1(hyok: Hyok, tmp_path: Path) -> None:
    write_trail(tmp_path / "trail", a_use("1", "Decrypt"))
    write_cloudtrail(tmp_path / "cloudtrail", an_event("2"))
    result = hyok("audit", "reconcile", "--cloudtrail", "cloudtrail", "--directory", "trail", *UNTIL)
    assert result.status == 1
    heads, first, second = result.out.splitlines()[-3:]  # of the same second: by request id
    assert heads.split() == ["FINDING", "TIME", "REQUEST", "THE", "PROXY", "SAYS", "CLOUDTRAIL", "SAYS"]
    alice = "by arn:aws:iam::123456789012:user/Alice"
    assert first.split("  ")[0] == "unknown_use"
    assert f"Decrypt for Decrypt with held-key {alice}" in first
    assert first.endswith("nothing")
    assert second.split("  ")[0] == "unseen_event"
    assert second.endswith(f" Encrypt with held-key {alice}")
    assert result.err == "2 findings (1 unknown_use, 1 unseen_event)\n"


def test_programs_get_one_document(hyok: Hyok, tmp_path: Path) -> None:
    write_trail(tmp_path / "trail", a_use("1"))
    write_cloudtrail(tmp_path / "cloudtrail", an_event("1", by="arn:aws:iam::123456789012:user/Bob"))
    command = ("audit", "reconcile", "--cloudtrail", "cloudtrail", "--directory", "trail", "--output", "json", *UNTIL)
    result = hyok(*command)
    document = json.loads(result.out)
    assert (result.status, document["clean"], document["found"]) == (1, False, {"principal": 1})
    (finding,) = document["findings"]
    assert finding["trail"] == "arn:aws:iam::123456789012:user/Alice"
    assert finding["cloudtrail"] == "arn:aws:iam::123456789012:user/Bob"
    assert finding["record"]["log"] == "proxy-1"
    assert finding["record"]["kms_key_arn"] == KEY
    assert finding["event"]["event_id"] == "event-of-1"


def test_a_file_that_cannot_be_read_is_named_and_is_no_success(hyok: Hyok, tmp_path: Path) -> None:
    write_trail(tmp_path / "trail")
    write_cloudtrail(tmp_path / "cloudtrail")
    (tmp_path / "cloudtrail/bad.json").write_text("{")
    result = hyok("audit", "reconcile", "--cloudtrail", "cloudtrail", "--directory", "trail", *UNTIL)
    assert result.status == 1
    assert "UNREADABLE  cloudtrail/bad.json: it ends in the middle of what at byte 0" in result.out
    assert result.err == "not all of it could be read\n"


def test_without_log_files_there_is_nothing_to_compare(hyok: Hyok, tmp_path: Path) -> None:
    write_trail(tmp_path / "trail")
    (tmp_path / "empty").mkdir()
    result = hyok("audit", "reconcile", "--cloudtrail", "empty", "--directory", "trail")
    assert result.status == 2
    assert "copy them from the trail's bucket" in result.err
