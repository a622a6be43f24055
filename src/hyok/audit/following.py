"""Read what is new in a trail, again and again: for `show --follow` and for sinks.

A position says how far each log was read; it can be kept in a file, so that nothing is read twice or missed when the
reading process is started anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from hyok.audit.layout import LogPlace
from hyok.audit.reader import StoredRecord, read_segment
from hyok.audit.trail import read_trail


class LogPosition(msgspec.Struct):
    """Up to where one log was read."""

    segment: int = 0
    """0: nothing yet."""
    offset: int = 0
    number: int | None = None
    """Of the next record in the log; None if it is the segment's first."""
    missed: int = 0
    """Records that were retired before they were read."""


class TrailFollower:
    """Reads all logs of a trail from where it stopped before."""

    def __init__(self, directory: Path, positions: dict[str, LogPosition] | None = None) -> None:
        self._directory = directory
        self.positions = positions if positions is not None else {}
        """By the log's name; changed in place, after the record up to there was taken."""

    def skip_to_end(self) -> None:
        """Leave out what is there now."""
        for place in read_trail(self._directory, None).places():
            for record in self._read(place):
                self.advance(record)

    def read(self) -> Iterator[StoredRecord]:
        """Yield the records that are there and were not read, log by log; call `advance` for each that was taken."""
        for place in read_trail(self._directory, None).places():
            yield from self._read(place)

    def advance(self, record: StoredRecord) -> None:
        """Remember that this record was taken."""
        position = self.positions.setdefault(record.log, LogPosition())
        position.segment = record.segment
        position.offset = record.offset + len(record.line) + 1
        position.number = record.number + 1

    def _read(self, place: LogPlace) -> Iterator[StoredRecord]:
        if not place.directory.is_dir():
            return
        position = self.positions.setdefault(place.name, LogPosition())
        for segment in place.segments():
            if segment < position.segment:
                continue
            is_begun = segment == position.segment
            records = read_segment(
                place,
                segment,
                offset=position.offset if is_begun else 0,
                first=position.number if is_begun else None,
            )
            for record in records:
                if not is_begun and position.number is not None and record.number > position.number:
                    position.missed += record.number - position.number
                    position.number = record.number
                yield record
