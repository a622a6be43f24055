"""Segments that are old enough go, and both what stays and what went can be verified."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from hyok.audit.findings import FindingKind
from hyok.audit.log import AuditLog
from hyok.audit.retention import Retention
from hyok.audit.trail import read_trail
from hyok.audit.verification.trail import verify_trail
from hyok.audit.writer import Rotation
from tests.unit.audit.logs import NOW, append, new_signer, open_log, records_in

SIGNER = new_signer()
DAY_SECONDS = 24 * 3600.0


def write_segments(directory: Path, count: int, retention: Retention) -> AuditLog:
    """Write a log of so many segments, of which all but the last are three days old; it is left open."""
    now = NOW
    log = open_log(directory, SIGNER, rotation=Rotation(segment_seconds=60), retention=Retention(), now=lambda: now)
    for number in range(count):
        append(log, f"key-{number}")
        log.flush()
        if number < count - 1:
            now += 61
            log._keeper.wake()
            wait_until(lambda: log._writer.rolls_at == 0)
    log.close()
    for file in directory.rglob("*.jsonl"):
        os.utime(file, (NOW - 3 * DAY_SECONDS, NOW - 3 * DAY_SECONDS))
    return open_log(directory, SIGNER, retention=retention, now=lambda: now)


def wait_until(holds: object) -> None:
    for _ in range(500):
        if holds():  # type: ignore[operator]  # a function without arguments
            return
        time.sleep(0.01)
    pytest.fail("it never came")


def segments_in(directory: Path) -> list[int]:
    return read_trail(directory, SIGNER.key).place("proxy-1").segments()


def test_old_segments_are_removed_and_a_record_says_so(tmp_path: Path) -> None:
    log = write_segments(tmp_path, 4, Retention(2 * DAY_SECONDS))
    wait_until(lambda: segments_in(tmp_path) == [4])
    append(log, "after")
    log.close()

    (retired,) = [each for each in records_in(log.path) if each["event"] == "segments_retired"]
    assert (retired["first_segment"], retired["last_segment"]) == (1, 3)
    verdict = verify_trail(tmp_path, SIGNER.key)
    assert verdict.findings == ()
    assert verdict.logs[0].first_record == retired["records"]


def test_nothing_is_removed_without_a_rule(tmp_path: Path) -> None:
    write_segments(tmp_path, 3, Retention()).close()

    assert segments_in(tmp_path) == [1, 2, 3]


def test_what_is_younger_stays(tmp_path: Path) -> None:
    log = write_segments(tmp_path, 3, Retention(4 * DAY_SECONDS))
    time.sleep(0.1)
    log.close()

    assert segments_in(tmp_path) == [1, 2, 3]


def test_the_archive_is_a_trail_that_can_be_verified_by_itself(tmp_path: Path) -> None:
    trail, archive = tmp_path / "audit", tmp_path / "archive"
    log = write_segments(trail, 4, Retention(2 * DAY_SECONDS, archive))
    wait_until(lambda: segments_in(trail) == [4])
    log.close()

    (archived,) = archive.iterdir()
    verdict = verify_trail(archived, SIGNER.key)
    assert verdict.findings == ()
    assert verdict.trail == verify_trail(trail, SIGNER.key).trail
    assert verdict.logs[0].records == verify_trail(trail, SIGNER.key).logs[0].first_record

    file = archived / "proxy-1" / "000002.jsonl"
    file.write_bytes(file.read_bytes().replace(b"key-1", b"key-X"))
    (finding,) = verify_trail(archived, SIGNER.key).findings
    assert (finding.kind, finding.segment) == (FindingKind.ALTERED, 2)


def test_what_cannot_be_archived_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    trail, archive = tmp_path / "audit", tmp_path / "archive"
    archive.write_text("a file")
    log = write_segments(trail, 3, Retention(2 * DAY_SECONDS, archive))
    wait_until(lambda: "cannot retire segments" in caplog.text)
    log.close()

    assert segments_in(trail) == [1, 2, 3]


def test_segments_that_somebody_else_removed_are_missed(tmp_path: Path) -> None:
    log = write_segments(tmp_path, 5, Retention(2 * DAY_SECONDS))
    wait_until(lambda: segments_in(tmp_path) == [5])
    log.close()
    log = write_more(tmp_path)
    log.close()
    first = segments_in(tmp_path)[0]
    (tmp_path / "proxy-1" / f"{first:06}.jsonl").unlink()

    kinds = [finding.kind for finding in verify_trail(tmp_path, SIGNER.key).findings]
    assert FindingKind.MISSING in kinds


def write_more(directory: Path) -> AuditLog:
    now = NOW + 1e6
    log = open_log(directory, SIGNER, rotation=Rotation(segment_seconds=60), now=lambda: now)
    for key_id in ("x", "y"):
        append(log, key_id)
        log.flush()
        now += 61
        log._keeper.wake()
        wait_until(lambda: log._writer.rolls_at == 0)
    return log


def test_an_archive_put_in_the_place_of_its_trail_is_noticed(tmp_path: Path) -> None:
    trail, archive = tmp_path / "audit", tmp_path / "archive"
    log = write_segments(trail, 3, Retention(2 * DAY_SECONDS, archive))
    wait_until(lambda: segments_in(trail) == [3])
    log.close()
    (archived,) = archive.iterdir()

    assert read_trail(archived, SIGNER.key).is_archive
    assert not read_trail(trail, SIGNER.key).is_archive
