"""Reading logs, one or all of them together."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from hyok.audit.administration import append_administrative
from hyok.audit.reader import read_log, read_records, read_segment
from hyok.audit.trail import read_trail
from hyok.audit.writer import Rotation
from hyok.errors import OperatorError
from tests.unit.audit.logs import NOW, append, make_record, new_signer, open_log

SIGNER = new_signer()


def keys_in(directory: Path, **which: object) -> list[str]:
    contents = [each.content() for each in read_records(directory, **which)]  # type: ignore[arg-type]  # as each test asks
    return [each["external_key_id"] for each in contents if each is not None and "external_key_id" in each]


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(NOW + seconds, UTC)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Two workers' logs, one record of each in turn, a second apart."""
    logs = [open_log(tmp_path, SIGNER), open_log(tmp_path, SIGNER)]
    for number in range(6):
        log = logs[number % 2]
        log.append(make_record(f"key-{number}", at=NOW + number), log.reserve(0))
        log.flush()
    for log in logs:
        log.close()
    return tmp_path


def test_records_of_all_logs_come_in_the_order_of_their_times(directory: Path) -> None:
    assert keys_in(directory) == [f"key-{number}" for number in range(6)]


def test_logs_and_times_can_be_chosen(directory: Path) -> None:
    assert keys_in(directory, logs=["proxy-2"]) == ["key-1", "key-3", "key-5"]
    assert keys_in(directory, since=at(2), until=at(4)) == ["key-2", "key-3"]


def test_a_record_knows_where_it_stands(directory: Path) -> None:
    for record in read_records(directory, logs=["proxy-1"]):
        file = directory / record.log / f"{record.segment:06}.jsonl"
        content = file.read_bytes()
        assert content[record.offset :].startswith(record.line + b"\n")
        assert content.splitlines()[record.line_number - 1] == record.line
        assert record.number == record.line_number - 1  # in the first segment


def test_numbers_go_on_over_segments_and_old_segments_are_skipped(tmp_path: Path) -> None:
    for number in range(12):
        append_administrative(
            tmp_path,
            SIGNER,
            {"n": number},
            rotation=Rotation(segment_bytes=300),
            now=lambda number=number: NOW + number * 3600,  # type: ignore[misc]  # bound at once
        )
    place = read_trail(tmp_path, SIGNER.key).place("administration")

    assert [record.number for record in read_log(place)] == list(range(len(list(read_log(place)))))
    late = list(read_log(place, since=at(9 * 3600)))
    assert 0 < len(late) < len(list(read_log(place)))
    assert [each.content()["n"] for each in read_records(tmp_path, since=at(9 * 3600)) if b'"n"' in each.line] == [  # type: ignore[index]  # all are records
        9,
        10,
        11,
    ]


def test_a_line_that_is_being_written_is_left_for_the_next_time(directory: Path) -> None:
    place = read_trail(directory, SIGNER.key).place("proxy-1")
    before = list(read_segment(place, 1))
    with place.segment_file(1).open("ab") as file:
        file.write(b'{"event":"xks_req')

    assert list(read_segment(place, 1)) == before


def test_a_torn_line_is_yielded_and_has_no_content(directory: Path) -> None:
    with (directory / "proxy-1" / "000001.jsonl").open("ab") as file:
        file.write(b'{"event":"xks_req\n')

    assert [each.content() for each in read_records(directory)].count(None) == 1


def test_reading_goes_on_where_it_stopped(directory: Path) -> None:
    place = read_trail(directory, SIGNER.key).place("proxy-1")
    records = list(read_segment(place, 1))
    rest = read_segment(place, 1, offset=records[2].offset, first=2)

    assert [each.number for each in rest] == [each.number for each in records[2:]]


def test_what_is_no_trail_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="is no audit trail"):
        list(read_records(tmp_path))


def test_appending_while_reading_disturbs_nobody(tmp_path: Path) -> None:
    log = open_log(tmp_path, SIGNER)
    append(log, "a")
    log.flush()
    reading = read_records(tmp_path)
    next(reading)
    append(log, "b")
    log.flush()
    log.close()

    assert len(list(reading)) >= 2
