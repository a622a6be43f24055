"""A disk that is really full: no key is used without a record, and service comes back by itself."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hyok.audit.notes import Signer
from hyok.audit.trail import read_trail
from hyok.audit.verification.trail import verify_trail
from hyok.errors import OperatorError
from tests.integration.audit.small_disk import small_disk
from tests.unit.audit.logs import SMALL_RESERVE_BYTES, append, make_record, new_signer, open_log, records_in

SIGNER = new_signer()
MEBIBYTE = 1024 * 1024


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Leave no byte free on a disk."""
    file = disk / "filler"
    with file.open("wb", buffering=0) as filler:
        size = MEBIBYTE
        while size:
            try:
                filler.write(bytes(size))
            except OSError:
                size //= 2
    yield
    file.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", size_bytes=4 * MEBIBYTE) as disk:
        yield disk


def test_what_was_promised_before_the_disk_was_full_is_written(disk: Path) -> None:
    log = open_log(disk / "audit", SIGNER)
    promises = [log.reserve(100) for _ in range(10)]
    with filled(disk):
        for promised in promises:
            log.append(make_record("promised"), promised)
        log.flush()
        assert not log.is_failing
    log.close()

    assert sum(each["event"] == "xks_request" for each in records_in(log.path)) == 10


def test_nothing_is_promised_on_a_full_disk_and_all_is_well_when_there_is_room_again(disk: Path) -> None:
    log = open_log(disk / "audit", SIGNER)
    with filled(disk):
        written = 0
        while promised := log.reserve(60_000):
            log.append(make_record("x" * 100), promised)
            log.flush()
            written += 1
        assert log.is_failing
        assert written * 400 > SMALL_RESERVE_BYTES // 4  # most of what was reserved is used
        for _ in range(50):
            assert log.reserve(100) == 0
    for _ in range(500):
        if log.recover():
            break
        time.sleep(0.01)
    append(log, "after")
    log.close()

    records = [
        record
        for number in read_trail(disk / "audit", SIGNER.key).place("proxy-1").segments()
        for record in records_in(disk / "audit" / "proxy-1" / f"{number:06}.jsonl")
    ]
    (interrupted,) = [each for each in records if each["event"] == "writing_interrupted"]
    assert interrupted["refused_requests"] >= 50
    assert interrupted["withheld_answers"] == 0
    assert records[-1]["external_key_id"] == "after"
    assert verify_trail(disk / "audit", SIGNER.key).findings == ()


def test_a_log_is_not_begun_on_a_full_disk(disk: Path) -> None:
    with filled(disk), pytest.raises(OperatorError, match="No space left on device"):
        open_log(disk / "audit", SIGNER)


PROGRAM = """
import sys
from pathlib import Path
from hyok.audit.notes import Signer
from hyok.audit.errors import AuditLogError
from tests.unit.audit.logs import append, make_record, open_log

log = open_log(Path(sys.argv[1]), Signer(bytes(32)))
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    for number in range(1000):
        log.append(make_record("key"), log.reserve(100))
        log.flush()
except AuditLogError as error:
    print(number, error)
    print(log.is_failing, log.reserve(100))
"""


def test_a_limit_that_cuts_a_write_short_fails_the_answers_of_that_write(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM, tmp_path], capture_output=True, text=True, check=False)

    first, second = ended.stdout.splitlines()
    assert "File too large" in first
    assert second == "True 0"
    # The part of a line that was written is a tear for the next writer.
    log = open_log(tmp_path, Signer(bytes(32)))
    log.close()
    assert verify_trail(tmp_path, Signer(bytes(32)).key).findings == ()
    assert b'"event":"record_torn"' in (tmp_path / "proxy-1" / "000001.jsonl").read_bytes()
