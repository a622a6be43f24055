"""What verification reads of one log: its signed checkpoints, the beginnings of its segments, and their records."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from hyok.audit.checkpoints import Checkpoint, open_checkpoint
from hyok.audit.errors import NoteError
from hyok.audit.layout import LogPlace
from hyok.audit.notes import VerificationKey
from hyok.audit.structure import (
    LogOpened,
    RecordTorn,
    SegmentBegun,
    SegmentsRetired,
    WritingInterrupted,
    parse_structural,
)

_CHUNK_BYTES: Final = 4 * 1024 * 1024
_STRUCTURAL: Final = b'{"event":"'
_MOST_TORN_LINES: Final = 100
"""Before a segment's first record."""

Progress = Callable[[int], None]
"""Told of each so many bytes that were read."""


class Claim(NamedTuple):
    """What a log must have been, and who says so."""

    checkpoint: Checkpoint
    source: str

    @property
    def size(self) -> int:
        """How many records it speaks of."""
        return self.checkpoint.size


class LogReader:
    """Reads one log, and keeps what its records say of the log itself and of others."""

    def __init__(self, place: LogPlace, key: VerificationKey, progress: Progress) -> None:
        self._place = place
        self._key = key
        self._progress = progress
        self.mentioned: dict[str, int] = {}
        """The sizes of other logs, by the records read so far."""
        self.retired_up_to = 0
        """The last segment that a record says was retired."""
        self.retired_roots: dict[int, str] = {}
        """The root hash that the log had by such a record, by its size then."""

    def segments(self) -> list[int]:
        """Return the numbers of the segments that are there, without those that were only made ready."""
        numbers = self._place.segments()
        while len(numbers) > 1 and not self._place.segment_file(numbers[-1]).stat().st_size:
            del numbers[-1]
        return numbers

    def claim(self, file: Path, source: str) -> Claim:
        """Read a checkpoint of this log. NoteError, which says what it is not, if that is missing or not right."""
        try:
            checkpoint = open_checkpoint(file.read_bytes(), self._key)
        except FileNotFoundError:
            raise NoteError(f"{source} is not there") from None
        except NoteError as error:
            raise NoteError(f"{source} is not right: {error}") from error
        if checkpoint.origin != self._place.origin:
            raise NoteError(f"{source} is that of {checkpoint.origin}")
        return Claim(checkpoint, source)

    def beginning(self, number: int) -> SegmentBegun | None:
        """Return the first record of a segment, if segment and record are there."""
        try:
            with self._place.segment_file(number).open("rb") as file:
                for line in islice(file, _MOST_TORN_LINES):
                    record = parse_structural(line.rstrip(b"\n"))
                    if isinstance(record, SegmentBegun) and record.segment == number:
                        return record
        except FileNotFoundError:
            pass
        return None

    def leaves(self, number: int) -> Iterator[list[bytes]]:
        """Yield the hashes of a segment's records, some megabytes of records at a time."""
        with self._place.segment_file(number).open("rb") as file:
            while lines := file.readlines(_CHUNK_BYTES):
                if not lines[-1].endswith(b"\n"):
                    lines.pop()  # being written, or torn; no answer left for it
                self._progress(sum(map(len, lines)))
                for line in lines:
                    if line.startswith(_STRUCTURAL) and not line.startswith(b"xks_request", len(_STRUCTURAL)):
                        self._note(line[:-1])
                yield [sha256(b"\x00" + line[:-1]).digest() for line in lines]

    def _note(self, line: bytes) -> None:
        match parse_structural(line):
            case LogOpened(others=others):
                for name, size in others.items():
                    self.mentioned[name] = max(size, self.mentioned.get(name, -1))
            case SegmentsRetired(last_segment=last, records=records, root=root):
                self.retired_up_to = max(self.retired_up_to, last)
                self.retired_roots[records] = root
            case SegmentBegun() | RecordTorn() | WritingInterrupted() | None:
                pass  # of no use here


def line_offsets(place: LogPlace, number: int) -> list[int]:
    """Return where each line of a segment begins in its file, and where the last one ends."""
    offsets = [0]
    with place.segment_file(number).open("rb") as file:
        for line in file:
            offsets.append(offsets[-1] + len(line))
    return offsets


def has_writer(place: LogPlace) -> bool:
    """Tell whether somebody writes the log at present."""
    try:
        descriptor = os.open(place.lock_file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
