"""The audit log: when it writes, what it survives, and what it refuses."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hyok.audit.checkpoints import open_checkpoint
from hyok.audit.errors import AuditLogError
from hyok.audit.log import AuditLog
from hyok.audit.notes import Signer
from hyok.audit.trail import read_trail
from hyok.audit.writer import Rotation
from hyok.errors import OperatorError
from tests.unit.audit.logs import append, make_record, new_signer, open_log, records_in, requests_in


def written_keys(log: AuditLog) -> list[str]:
    return [record["external_key_id"] for record in requests_in(log.path)]


@pytest.fixture
def signer() -> Signer:
    return new_signer()


@pytest.fixture
def log(tmp_path: Path, signer: Signer) -> Iterator[AuditLog]:
    log = open_log(tmp_path / "audit", signer)
    yield log
    log.close()


# Writing.


def test_records_of_a_turn_leave_in_one_write(log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    real_write = os.write

    def counted_write(descriptor: int, content: bytes) -> int:
        if descriptor == log._writer.segment.descriptor:
            sizes.append(len(content))
        return real_write(descriptor, content)

    monkeypatch.setattr("os.write", counted_write)
    append(log, "a", "b", "c")
    assert sizes == []

    log.flush()

    assert len(sizes) == 1
    assert written_keys(log) == ["a", "b", "c"]


def test_a_flush_without_records_writes_nothing(log: AuditLog) -> None:
    before = log.path.stat().st_size

    assert log.flush() is None

    assert log.path.stat().st_size == before


def test_only_the_owner_may_read_the_log(log: AuditLog) -> None:
    append(log, "a")
    log.flush()

    files = [each for each in log.path.parents[1].rglob("*") if each.is_file()]
    assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}
    assert stat.S_IMODE(log.path.parent.stat().st_mode) == stat.S_IMODE(log.path.parents[1].stat().st_mode) == 0o700


def test_a_write_cut_short_is_completed(log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    real_write = os.write
    append(log, "a", "b")
    with monkeypatch.context() as slow:
        slow.setattr("os.write", lambda descriptor, content: real_write(descriptor, content[:7]))
        log.flush()

    assert written_keys(log) == ["a", "b"]


def test_closing_writes_and_signs_what_is_left(tmp_path: Path, signer: Signer) -> None:
    log = open_log(tmp_path, signer)
    append(log, "last")

    log.close()

    assert written_keys(log) == ["last"]
    assert open_checkpoint((tmp_path / "proxy-1" / "checkpoint").read_bytes(), signer.key).size == 3


# Logs and their writers.


def test_a_log_has_one_writer_and_the_next_begins_another(tmp_path: Path, signer: Signer) -> None:
    first, second = open_log(tmp_path, signer), open_log(tmp_path, signer)

    assert (first.path.parent.name, second.path.parent.name) == ("proxy-1", "proxy-2")
    assert read_trail(tmp_path, signer.key).logs == ("proxy-1", "proxy-2")
    first.close()
    third = open_log(tmp_path, signer)
    assert third.path.parent.name == "proxy-1"
    second.close()
    third.close()


def test_a_log_that_is_opened_again_goes_on_and_says_so(tmp_path: Path, signer: Signer) -> None:
    for key_id in ("a", "b"):
        log = open_log(tmp_path, signer)
        append(log, key_id)
        log.close()

    records = records_in(tmp_path / "proxy-1" / "000001.jsonl")
    assert [record["event"] for record in records] == [
        "segment_begun",
        "log_opened",
        "xks_request",
        "log_opened",
        "xks_request",
    ]
    assert records[3]["records"] == 3


def test_a_writer_notes_how_far_the_other_logs_were(tmp_path: Path, signer: Signer) -> None:
    first = open_log(tmp_path, signer)
    append(first, "a", "b")
    first.close()
    first = open_log(tmp_path, signer)
    second = open_log(tmp_path, signer)

    # Its newest checkpoint: from before the second opening, or just after.
    assert records_in(second.path)[1]["others"] in ({"proxy-1": 4}, {"proxy-1": 5})
    second.close()
    first.close()


def test_a_trail_of_another_installation_is_not_written_to(tmp_path: Path, signer: Signer) -> None:
    open_log(tmp_path, signer).close()

    with pytest.raises(OperatorError, match="was not begun by this installation"):
        open_log(tmp_path, new_signer())


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path, signer: Signer) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(OperatorError, match=r"cannot start the audit log in .*file/audit"):
        open_log(tmp_path / "file" / "audit", signer)


# Segments.


def test_a_full_segment_is_closed_signed_and_followed_by_the_next(tmp_path: Path, signer: Signer) -> None:
    log = open_log(tmp_path, signer, rotation=Rotation(segment_bytes=4096))
    for number in range(200):
        append(log, f"key-{number}")
        log.flush()
        if number % 20 == 0:
            log._keeper.wake()
            wait_until(lambda: log._writer.next_segment is not None or log._writer.segment.end < 3000)
    log.close()

    place = read_trail(tmp_path, signer.key).place("proxy-1")
    segments = place.segments()
    assert len(segments) > 3
    keys = [record["external_key_id"] for number in segments for record in requests_in(place.segment_file(number))]
    assert keys == [f"key-{number}" for number in range(200)]
    for number in segments[1:]:
        begun = records_in(place.segment_file(number))[0]
        before = open_checkpoint(place.closing_checkpoint_file(number - 1).read_bytes(), signer.key)
        assert (begun["event"], begun["segment"], begun["records"]) == ("segment_begun", number, before.size)


def test_a_segment_that_is_old_enough_is_followed_by_the_next(tmp_path: Path, signer: Signer) -> None:
    now = 1_764_000_000.0
    log = open_log(tmp_path, signer, rotation=Rotation(segment_seconds=3600), now=lambda: now)
    now += 3601
    log._keeper.wake()
    wait_until(lambda: log._writer.rolls_at == 0)
    append(log, "a")
    log.flush()

    assert log.path.name == "000002.jsonl"
    log.close()


def wait_until(holds: Callable[[], bool]) -> None:
    for _ in range(500):
        if holds():
            return
        time.sleep(0.01)
    pytest.fail("it never came")


# A disk that is full.


def full_disk_after(count: int, real_write: Callable[[int, bytes], int]) -> Callable[[int, bytes], int]:
    room = count

    def write(descriptor: int, content: bytes) -> int:
        nonlocal room
        if room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = real_write(descriptor, content[:room])
        room -= written
        return written

    return write


def test_a_full_disk_fails_the_flush_and_nothing_is_promised(log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    append(log, "a")
    with monkeypatch.context() as full:
        full.setattr("os.write", full_disk_after(20, os.write))
        with pytest.raises(AuditLogError, match="No space left on device"):
            log.flush()

        assert log.is_failing
        assert not log.recover()
        assert log.reserve(100) == 0


def test_no_line_is_lost_or_torn_once_there_is_room_again(log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    append(log, "a")
    with monkeypatch.context() as full:
        full.setattr("os.write", full_disk_after(20, os.write))
        with pytest.raises(AuditLogError):
            log.flush()
        assert log.reserve(100) == 0

    append(log, "b")
    log.flush()

    assert not log.is_failing
    assert written_keys(log) == ["a", "b"]
    (interrupted,) = [each for each in records_in(log.path) if each["event"] == "writing_interrupted"]
    assert (interrupted["withheld_answers"], interrupted["refused_requests"]) == (1, 1)


def test_without_room_nothing_is_promised_until_there_is_some(log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as full:
        full.setattr("hyok.audit.segments.reserve", refuse)
        while log.reserve(10_000):  # as if so many requests were being answered
            pass
        assert log.is_failing
        assert log.reserve(100) == 0
        log._promised_bytes = 0
    append(log, "a")
    log.flush()

    assert written_keys(log) == ["a"]


def test_what_is_promised_is_given_back_with_the_record(log: AuditLog) -> None:
    for _ in range(1000):
        append(log, "a")
        log.flush()

    assert log._promised_bytes == log._pending_bytes == 0


# Durable.


def test_a_durable_log_is_done_when_its_records_are_synced(
    tmp_path: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_sync = os.fdatasync
    disk = threading.Event()

    def slow_sync(descriptor: int) -> None:
        assert disk.wait(10)
        real_sync(descriptor)

    async def scenario() -> None:
        log = open_log(tmp_path, signer, is_durable=True)
        with monkeypatch.context() as slow:
            slow.setattr("os.fdatasync", slow_sync)
            append(log, "a")
            first = log.flush()
            append(log, "b")
            second = log.flush()
            assert first is not None
            assert second is not None
            await asyncio.sleep(0.02)
            assert not first.done()
            assert not second.done()
            disk.set()
            await asyncio.gather(first, second)
        log.close()

    asyncio.run(scenario())


def test_a_sync_that_fails_fails_the_answers_and_all_that_follow(
    tmp_path: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    async def scenario() -> None:
        log = open_log(tmp_path, signer, is_durable=True)
        append(log, "a")
        with monkeypatch.context() as broken:
            broken.setattr("os.fdatasync", fail)
            done = log.flush()
            assert done is not None
            with pytest.raises(AuditLogError, match="Input/output error"):
                await done
        assert log.reserve(100) == 0  # what was lost is not known
        log.close()

    asyncio.run(scenario())


# Requests that nothing proves.


def test_a_flood_without_a_credential_leaves_a_bounded_number_of_records(tmp_path: Path, signer: Signer) -> None:
    log = open_log(tmp_path, signer)
    for number in range(5000):
        record = make_record("", credential_id="")
        record.peer = f"198.51.100.{number % 200}:4711"
        record.authentication_failure = "missing"
        promised = log.reserve(100)
        log.append_unauthenticated(record, promised)
        log.flush()
    assert log._promised_bytes == 0
    log.close()

    recorded = len(requests_in(log.path))
    (summary,) = [each for each in records_in(log.path) if each["event"] == "unauthenticated_requests"]
    assert 100 <= recorded <= 110
    assert recorded + summary["count"] == 5000
    assert summary["reasons"] == {"missing": summary["count"]}
    assert sum(summary["addresses"].values()) == summary["count"]
    assert len(summary["addresses"]) == 33
