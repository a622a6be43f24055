"""Read what logs hold, record by record, without holding more than a few lines of each in memory.

Reading proves nothing: `hyok.audit.verification` does. It disturbs no writer either; a line that is being written is
left for the next time.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from hyok.audit.errors import UNREADABLE
from hyok.audit.layout import LogPlace
from hyok.audit.structure import SegmentBegun, parse_structural
from hyok.audit.trail import read_trail

_decode: Final = msgspec.json.Decoder().decode
_NO_TIME: Final = datetime.min.replace(tzinfo=UTC)
MOST_DISORDER_SECONDS: Final = 60.0
"""Records of one log are out of the order of their times by less."""
_TIME_MARK: Final = b'"time":"'


class StoredRecord(NamedTuple):
    """A line of a log, and where it stands."""

    time: datetime
    """UTC; the earliest there is if the line is no record."""
    log: str
    """For example `proxy-1`."""
    number: int
    """In the log, from 0: what `prove` and checkpoints count."""
    segment: int
    line_number: int
    """In the segment's file, from 1."""
    offset: int
    """Of its first byte in the segment's file."""
    line: bytes
    """As it stands there, without the line feed."""

    def content(self) -> dict[str, Any] | None:
        """Return the record; None if the line is none, as a crash can leave one."""
        try:
            content = _decode(self.line)
        except UNREADABLE:
            return None
        return content if isinstance(content, dict) else None


def read_records(
    directory: Path,
    *,
    logs: Collection[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Iterator[StoredRecord]:
    """Yield the records of all logs of a trail, or of those named, merged in the order of their times.

    Each log is in the order it was written, in which times can be out of order by as long as a request lasts. `since`
    and `until` (exclusive) skip whole segments where they can, so that a day of a year is found at once. OperatorError
    if `directory` is no trail.
    """
    trail = read_trail(directory, None)
    chosen = [place for place in trail.places() if logs is None or place.name in logs]
    streams = [read_log(place, since=since) for place in chosen if place.directory.is_dir()]
    for record in heapq.merge(*streams, key=lambda each: each.time):
        if since is not None and record.time < since:
            continue
        if until is not None and record.time >= until:
            if (record.time - until).total_seconds() > MOST_DISORDER_SECONDS:
                return
            continue
        yield record


def read_last_records(
    directory: Path,
    count: int,
    *,
    wanted: Callable[[StoredRecord], bool],
    logs: Collection[str] | None = None,
    since: datetime | None = None,
) -> list[StoredRecord]:
    """Return the last `count` records that are wanted, in the order of their times.

    Reads no more segments than it must; none that ended before `since`.
    """
    trail = read_trail(directory, None)
    found: list[StoredRecord] = []
    for place in trail.places():
        if (logs is None or place.name in logs) and place.directory.is_dir():
            found += _last_of_log(place, count, wanted, since)
    return heapq.nlargest(count, found, key=lambda each: (each.time, each.number))[::-1]


def _last_of_log(
    place: LogPlace, count: int, wanted: Callable[[StoredRecord], bool], since: datetime | None
) -> list[StoredRecord]:
    found: list[StoredRecord] = []
    for number in reversed(place.segments()):
        found[:0] = deque((record for record in read_segment(place, number) if wanted(record)), maxlen=count)
        begun = _beginning_of(place, number)
        if len(found) >= count or (since is not None and begun is not None and begun.time < since):
            break
    return found[-count:]


def read_log(place: LogPlace, *, since: datetime | None = None) -> Iterator[StoredRecord]:
    """Yield the records of one log in the order they were written, from the segment on that `since` lies in."""
    numbers = place.segments()
    for number in numbers[_first_needed(place, numbers, since) :]:
        yield from read_segment(place, number)


def read_log_from(place: LogPlace, number: int) -> Iterator[StoredRecord]:
    """Yield the records of one log from the segment on that the record with this number is in."""
    numbers = place.segments()
    begins = [begun.records if (begun := _beginning_of(place, each)) else 0 for each in numbers]
    for begin, segment in zip([*begins[1:], None], numbers, strict=True):
        if begin is None or begin > number:
            yield from read_segment(place, segment)


def read_segment(place: LogPlace, number: int, *, offset: int = 0, first: int | None = None) -> Iterator[StoredRecord]:
    """Yield the whole lines of a segment.

    To go on where an earlier reading stopped, give the offset and the number of the next record.
    """
    line_number = 0
    with place.segment_file(number).open("rb") as file:
        if offset:
            file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                return  # not whole yet
            stripped = line[:-1]
            if first is None:
                first = _number_of_first(place, number, stripped)
            line_number += 1
            yield StoredRecord(_time_of(stripped), place.name, first, number, line_number, offset, stripped)
            first += 1
            offset += len(line)


def _first_needed(place: LogPlace, numbers: list[int], since: datetime | None) -> int:
    if since is None:
        return 0
    for position in range(len(numbers) - 1, 0, -1):
        begun = _beginning_of(place, numbers[position])
        if begun is not None and begun.time < since:
            return max(0, position - 1) if (since - begun.time).total_seconds() < MOST_DISORDER_SECONDS else position
    return 0


def _beginning_of(place: LogPlace, number: int) -> SegmentBegun | None:
    with place.segment_file(number).open("rb") as file:
        for line in file:
            record = parse_structural(line.rstrip(b"\n"))
            if isinstance(record, SegmentBegun):
                return record
    return None


def _number_of_first(place: LogPlace, number: int, first_line: bytes) -> int:
    record = parse_structural(first_line)
    if not isinstance(record, SegmentBegun):
        record = _beginning_of(place, number)  # torn lines stand before it
    return record.records if record is not None else 0


def _time_of(line: bytes) -> datetime:
    # Every record of ours has its time near its front: found without reading the rest.
    begins = line.find(_TIME_MARK, 0, 256)
    if begins < 0:
        return _NO_TIME
    begins += len(_TIME_MARK)
    try:
        found = datetime.fromisoformat(line[begins : line.index(b'"', begins)].decode())
    except ValueError:
        return _NO_TIME
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
