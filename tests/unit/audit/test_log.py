"""The audit log: when it writes, what it survives, and what it refuses."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hyok.audit.event import RequestRecord
from hyok.audit.log import AuditLog, AuditLogError, open_audit_log
from hyok.errors import OperatorError

NOW = 1_764_000_000.5


def record(key_id: str) -> RequestRecord:
    return RequestRecord(datetime.fromtimestamp(NOW, UTC), "192.0.2.7:4711", external_key_id=key_id)


def written_keys(log: AuditLog) -> list[str]:
    return [json.loads(line)["external_key_id"] for line in log.path.read_bytes().splitlines()]


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    return open_audit_log(tmp_path / "audit", service="proxy", now=NOW)


def test_records_of_a_turn_leave_in_one_write(log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    real_write = os.write

    def counted_write(descriptor: int, content: bytes) -> int:
        sizes.append(len(content))
        return real_write(descriptor, content)

    monkeypatch.setattr("os.write", counted_write)
    for name in ("a", "b", "c"):
        log.append(record(name))
    assert sizes == []

    log.flush()

    assert len(sizes) == 1
    assert written_keys(log) == ["a", "b", "c"]


def test_a_flush_without_records_writes_nothing(log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.write", lambda *_: pytest.fail("nothing was appended"))

    log.flush()


def test_only_the_owner_may_read_the_log(log: AuditLog) -> None:
    log.append(record("a"))
    log.flush()

    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.path.parent.stat().st_mode) == 0o700


def test_the_file_is_named_after_service_start_and_process(log: AuditLog) -> None:
    assert log.path.name == f"proxy-20251124T160000.500000Z-{os.getpid()}.jsonl"


def test_a_file_that_is_there_is_never_written_by_a_second_process(log: AuditLog) -> None:
    with pytest.raises(OperatorError, match="File exists"):
        open_audit_log(log.path.parent, service="proxy", now=NOW)


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(OperatorError, match=r"cannot start the audit log .*file/audit/proxy-"):
        open_audit_log(tmp_path / "file" / "audit", service="proxy", now=NOW)


def test_a_write_cut_short_is_completed(log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    real_write = os.write
    monkeypatch.setattr("os.write", lambda descriptor, content: real_write(descriptor, content[:7]))
    log.append(record("a"))
    log.append(record("b"))

    log.flush()

    assert written_keys(log) == ["a", "b"]


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


def test_a_full_disk_fails_the_flush_and_the_log_says_so(log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.write", full_disk_after(20, os.write))
    log.append(record("a"))

    with pytest.raises(AuditLogError, match="No space left on device"):
        log.flush()

    assert log.is_failing
    assert not log.recover()


def test_no_line_is_lost_or_torn_once_there_is_room_again(log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as full:
        full.setattr("os.write", full_disk_after(20, os.write))
        log.append(record("a"))
        with pytest.raises(AuditLogError):
            log.flush()
        log.append(record("b"))
        with pytest.raises(AuditLogError):
            log.flush()

    assert log.recover()
    assert not log.is_failing
    log.append(record("c"))
    log.flush()

    assert written_keys(log) == ["a", "b", "c"]


def test_closing_writes_what_is_left(log: AuditLog) -> None:
    log.append(record("last"))

    log.close()

    assert written_keys(log) == ["last"]
