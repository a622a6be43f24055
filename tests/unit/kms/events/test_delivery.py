"""Files of events: where they are, what is in them, and what becomes of those of a process that was killed."""

from __future__ import annotations

import errno
import gzip
import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hyok.clock import SystemClock
from hyok.errors import OperatorError
from hyok.kms.events import recorder as recording
from hyok.kms.events.delivery import EventFile, FileFormat, deliver_what_is_left
from hyok.kms.events.event import Event
from hyok.kms.events.recorder import EventPlace, EventRecorder

ACCOUNT = "123456789012"
REGION = "eu-central-1"
AT = 1_795_000_000.0  # 2026-11-18T11:06:40Z


def events(count: int, account: str = ACCOUNT) -> list[Event]:
    return [Event(account, REGION, {"eventName": "Decrypt", "number": number}) for number in range(count)]


def record(directory: Path, *taken: Event, file_format: FileFormat = FileFormat.GZIP) -> None:
    recorder = EventRecorder(EventPlace(directory, file_format, 60.0), SystemClock())
    recorder.start()
    recorder.record(taken)
    recorder.close()


def files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


def numbers(path: Path) -> list[int]:
    return [each["number"] for each in json.loads(gzip.decompress(path.read_bytes()))["Records"]]


def test_a_file_has_the_name_and_content_of_cloudtrails(tmp_path: Path) -> None:
    file = EventFile(tmp_path, ACCOUNT, REGION, at=AT, file_format=FileFormat.GZIP)
    file.write(b'{"number":1}\n{"number":2}\n')
    path = file.deliver()
    assert files(tmp_path) == [path]
    assert re.fullmatch(
        r"AWSLogs/123456789012/CloudTrail/eu-central-1/2026/11/18/"
        r"123456789012_CloudTrail_eu-central-1_20261118T1106Z_[A-Za-z0-9]{16}\.json\.gz",
        str(path.relative_to(tmp_path)),
    )
    assert json.loads(gzip.decompress(path.read_bytes())) == {"Records": [{"number": 1}, {"number": 2}]}
    assert path.stat().st_mode & 0o777 == 0o600


def test_lines_are_one_event_each(tmp_path: Path) -> None:
    record(tmp_path, *events(3), file_format=FileFormat.LINES)
    (path,) = files(tmp_path)
    assert path.name.endswith(".jsonl")
    assert [json.loads(line)["number"] for line in path.read_text().splitlines()] == [0, 1, 2]


def test_each_account_has_its_own_files(tmp_path: Path) -> None:
    record(tmp_path, *events(2), *events(1, "210987654321"))
    assert [numbers(path) for path in files(tmp_path)] == [[0, 1], [0]]


def test_more_accounts_than_files_can_be_open_lose_nothing(tmp_path: Path) -> None:
    accounts = [f"{number:012}" for number in range(recording._OPEN_AT_MOST + 10)]
    record(tmp_path, *(event for account in accounts for event in events(1, account)))
    assert len(files(tmp_path)) == len(accounts)


def test_an_old_file_is_delivered_while_the_service_runs(tmp_path: Path) -> None:
    recorder = EventRecorder(EventPlace(tmp_path, FileFormat.GZIP, 0.0), SystemClock())
    recorder.start()
    try:
        recorder.record(events(1))
        for _ in range(200):
            if any(path.name.endswith(".json.gz") for path in files(tmp_path)):
                break
            recorder._thread.join(0.05)
        assert [numbers(path) for path in files(tmp_path)] == [[0]]
    finally:
        recorder.close()


def test_what_a_killed_process_wrote_is_delivered_by_the_next(tmp_path: Path) -> None:
    writer = (
        "import os, signal, sys; from pathlib import Path; from hyok.kms.events.delivery import *\n"
        f"file = EventFile(Path(sys.argv[1]), '{ACCOUNT}', '{REGION}', at={AT}, file_format=FileFormat(sys.argv[2]))\n"
        'file.write(b\'{"number":0}\\n{"number":1}\\n{"numb\')\n'
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    for file_format in FileFormat:
        directory = tmp_path / file_format.value
        subprocess.run([sys.executable, "-c", writer, str(directory), file_format.value], check=False)
        assert [path.suffix for path in files(directory)] == [".partial"]
        deliver_what_is_left(directory)
        (path,) = files(directory)
        text = path.read_bytes()
        if file_format is FileFormat.GZIP:
            assert numbers(path) == [0, 1]
        else:
            assert text == b'{"number":0}\n{"number":1}\n'


def test_what_another_process_is_writing_is_left_alone(tmp_path: Path) -> None:
    file = EventFile(tmp_path, ACCOUNT, REGION, at=AT, file_format=FileFormat.GZIP)
    file.write(b'{"number":1}\n')
    deliver_what_is_left(tmp_path)
    assert [path.suffix for path in files(tmp_path)] == [".partial"]
    assert numbers(file.deliver()) == [1]


def test_a_full_queue_holds_nobody_up_and_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recording, "_QUEUED_AT_MOST", 2)
    recorder = EventRecorder(EventPlace(tmp_path, FileFormat.GZIP, 60.0), SystemClock())
    recorder.record(events(5))  # nobody takes any yet
    with caplog.at_level(logging.ERROR):
        recorder.start()
        recorder.close()
    assert "3 events were lost" in caplog.text
    assert [numbers(path) for path in files(tmp_path)] == [[0, 1]]


def test_a_directory_that_cannot_be_made_ends_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OperatorError, match=r"name a directory in \[kms\.events\] directory"):
        record(tmp_path / "file")


def test_a_disk_that_fails_is_told_of_and_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    if os.geteuid() == 0:
        (tmp_path / "AWSLogs").write_text("in the way")  # root may write anywhere
    else:
        tmp_path.chmod(0o500)
    with caplog.at_level(logging.ERROR):
        record(tmp_path, *events(1))
    assert "could not be written" in caplog.text
    assert "1 events were lost" in caplog.text


def test_a_disk_that_is_full_tears_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = EventFile(tmp_path, ACCOUNT, REGION, at=AT, file_format=FileFormat.LINES)
    file.write(b'{"number":1}\n')
    write = os.write

    def write_a_little_and_fail(descriptor: int, data: memoryview) -> int:
        if len(data) > 5:
            return write(descriptor, data[:5])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", write_a_little_and_fail)
    with pytest.raises(OSError, match="No space left"):
        file.write(b'{"nu":2}\n')
    monkeypatch.undo()
    file.write(b'{"number":3}\n')
    assert file.deliver().read_bytes() == b'{"number":1}\n{"number":3}\n'
