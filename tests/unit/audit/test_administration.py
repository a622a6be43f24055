"""The log of what operators change, to which many processes append."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hyok.audit.administration import append_administrative
from hyok.audit.checkpoints import open_checkpoint
from hyok.audit.trail import read_trail
from hyok.audit.writer import Rotation
from hyok.errors import NotDoneError
from tests.unit.audit.logs import NOW, new_signer, open_log, records_in

SIGNER = new_signer()
RECORD = {"action": "key.disable", "subject": "alpha-key", "operator": "carol", "signature": "AAAA"}


def test_a_record_is_in_the_log_and_under_its_checkpoint_when_the_call_returns(tmp_path: Path) -> None:
    number = append_administrative(tmp_path, SIGNER, RECORD, now=lambda: NOW)

    place = read_trail(tmp_path, SIGNER.key).place("administration")
    assert records_in(place.segment_file(1))[number] == {
        "event": "administration",
        "time": "2025-11-24T16:00:00.500000Z",
        **RECORD,
    }
    assert open_checkpoint(place.checkpoint_file.read_bytes(), SIGNER.key).size == number + 1


def test_it_is_one_of_the_trails_logs(tmp_path: Path) -> None:
    log = open_log(tmp_path, SIGNER)
    append_administrative(tmp_path, SIGNER, RECORD)
    log.close()

    assert read_trail(tmp_path, SIGNER.key).logs == ("proxy-1", "administration")


def test_processes_take_turns(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from hyok.audit.notes import Signer; "
        "from hyok.audit.administration import append_administrative\n"
        "for n in range(10): append_administrative(Path(sys.argv[1]), Signer(bytes(32)), {'by': sys.argv[2], 'n': n})"
    )
    running = [subprocess.Popen([sys.executable, "-c", program, tmp_path, str(each)]) for each in range(3)]

    assert [each.wait(60) for each in running] == [0, 0, 0]
    records = [r for r in records_in(tmp_path / "administration" / "000001.jsonl") if r["event"] == "administration"]
    assert sorted((each["by"], each["n"]) for each in records) == [(str(by), n) for by in range(3) for n in range(10)]


def test_segments_follow_one_another(tmp_path: Path) -> None:
    numbers = [append_administrative(tmp_path, SIGNER, RECORD, rotation=Rotation(segment_bytes=1000)) for _ in range(9)]

    place = read_trail(tmp_path, SIGNER.key).place("administration")
    assert len(place.segments()) > 1
    assert numbers == sorted(numbers)
    assert open_checkpoint(place.checkpoint_file.read_bytes(), SIGNER.key).size == numbers[-1] + 1


def test_what_cannot_be_recorded_is_not_done(tmp_path: Path) -> None:
    append_administrative(tmp_path, SIGNER, RECORD)
    segment = tmp_path / "administration" / "000001.jsonl"
    segment.write_bytes(segment.read_bytes().replace(b"carol", b"david"))

    with pytest.raises(NotDoneError, match="could not be written: "):
        append_administrative(tmp_path, SIGNER, RECORD)


def test_a_record_cannot_pretend_another_time(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the log's own"):
        append_administrative(tmp_path, SIGNER, {"time": "2020-01-01T00:00:00Z"})
