"""Append lines to a log: into its file in one write(2), into its tree once they are there.

One thread writes; a keeper beside it reserves room, saves hashes and signs. What they share is under `lock`, which
neither holds for longer than a write takes.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from hyok.audit.checkpoints import Checkpoint
from hyok.audit.errors import AuditLogError
from hyok.audit.hashing import GrowingTree
from hyok.audit.layout import LogPlace
from hyok.audit.recovery import Recovered
from hyok.audit.segments import Segment
from hyok.audit.structure import RecordTorn, begin_segment, encode_structural, instant
from hyok.audit.tree import MerkleTree


class Rotation(NamedTuple):
    """When a segment ends. It ends a little later if the next one is not ready: no writer ever waits for it."""

    segment_bytes: int = 64 * 1024 * 1024
    segment_seconds: float = 24 * 3600.0


class FinishedSegment(NamedTuple):
    """A segment that nothing is written to any more, until the keeper has closed it."""

    segment: Segment
    checkpoint: Checkpoint
    """The log at its end."""


class LogWriter:
    """The one writer of a log. Made by `open_writer`."""

    def __init__(
        self, place: LogPlace, segment: Segment, tree: MerkleTree, *, rotation: Rotation, now: Callable[[], float]
    ) -> None:
        self.place = place
        self.segment = segment
        """What is written to."""
        self.next_segment: Segment | None = None
        """What is written to after it; put here by the keeper."""
        self.finished: list[FinishedSegment] = []
        """For the keeper to close."""
        self.lock: Final = threading.Lock()
        self.rolls_at = rotation.segment_bytes
        """When this segment is so long, the next begins; the keeper sets it to 0 when it is old enough."""
        self.rotation = rotation
        self.tree: Final = GrowingTree(tree)
        """Of all that is written."""
        self.now = now
        """The clock that dates segments, in Unix seconds."""
        self._waiting: list[bytes] = []
        """Lines of a write that failed."""
        self._unwritten = b""
        """What of them is not in the file."""

    @property
    def size(self) -> int:
        """How many records the log has."""
        return self.tree.size

    @property
    def unwritten_bytes(self) -> int:
        """How much waits for the next attempt to write."""
        return len(self._unwritten)

    def write(self, lines: list[bytes]) -> None:
        """Write lines, after those that wait from before. AuditLogError if the system refuses: then they wait."""
        with self.lock:
            if self.segment.end >= self.rolls_at and self.next_segment is not None and not self._unwritten:
                lines = [self._roll(self.next_segment), *lines]
            self._waiting += lines
            self._unwritten += b"\n".join((*lines, b""))
            if self._unwritten:
                self._write()

    def go_on(self, torn: bytes, lines: list[bytes]) -> None:
        """Write the first lines after a start: behind `torn`, which stands in the file without its line feed."""
        with self.lock:
            self._waiting = [torn, *lines] if torn else lines
            self._unwritten = (b"\n" if torn else b"") + b"".join(line + b"\n" for line in lines)
            if self._unwritten:
                self._write()

    def checkpoint(self) -> Checkpoint:
        """Return the log as it is now, all that is written."""
        tree = self.tree.settle()
        return Checkpoint(self.place.origin, tree.size, tree.root())

    def save_hashes(self) -> None:
        """Write the hashes of the records that were hashed so far. OSError; then they are tried again the next time."""
        with self.lock:  # not while the next segment begins
            segment = self.segment
            segment.unsaved += self.tree.take_hashes()
        segment.save_hashes()

    def finish(self) -> None:
        """End the last segment: give back the room that was not used, make all of it durable. OSError."""
        self.tree.settle()
        self.segment.unsaved += self.tree.take_hashes()
        self.segment.finish()

    def _write(self) -> None:
        segment = self.segment
        try:
            # A write may be cut short when a disk fills up. The rest is written by the next attempt, so that a line is
            # whole as soon as there is room again.
            while self._unwritten:
                written = os.write(segment.descriptor, self._unwritten)
                segment.end += written
                self._unwritten = self._unwritten[written:]
        except OSError as error:
            raise AuditLogError(
                f"cannot write {len(self._unwritten)} bytes to the audit log "
                f"{self.place.segment_file(segment.number)}: {error.strerror}"
            ) from error
        self.tree.add(self._waiting)
        self._waiting = []

    def _roll(self, following: Segment) -> bytes:
        ended = self.tree.settle()
        self.segment.unsaved += self.tree.take_hashes()
        self.finished.append(FinishedSegment(self.segment, Checkpoint(self.place.origin, ended.size, ended.root())))
        self.segment, self.next_segment = following, None
        self.rolls_at = self.rotation.segment_bytes
        following.opened_at = self.now()
        return encode_structural(begin_segment(self.place.origin, following.number, ended, following.opened_at))


def open_writer(
    place: LogPlace, recovered: Recovered, *, rotation: Rotation | None = None, now: Callable[[], float] = time.time
) -> LogWriter:
    """Go on with a log where its last writer stopped, and record what that one tore. OSError, AuditLogError.

    The caller holds its lock.
    """
    for number in place.segments():
        if number > recovered.segment:  # made ready by a writer that ended before it was needed: empty
            place.segment_file(number).unlink()
            place.hashes_file(number).unlink(missing_ok=True)
    number = recovered.segment or 1
    segment = Segment(place, number, end=recovered.end, opened_at=now(), is_new=not recovered.segment)
    segment.keep_hashes(recovered.hashes)
    writer = LogWriter(place, segment, recovered.tree, rotation=rotation or Rotation(), now=now)
    writer.go_on(recovered.tail, _lines_of_recovery(place, recovered, number, now()))
    return writer


def _lines_of_recovery(place: LogPlace, recovered: Recovered, number: int, now: float) -> list[bytes]:
    lines = []
    if not recovered.is_begun:
        lines.append(encode_structural(begin_segment(place.origin, number, recovered.start, now)))
    for index, tear in enumerate(recovered.tears):
        lost = recovered.lost_records if index == 0 else 0
        record = RecordTorn(time=instant(now), record=tear.record, torn_bytes=tear.torn_bytes, lost_records=lost)
        lines.append(encode_structural(record))
    if recovered.lost_records and not recovered.tears:
        lost = recovered.lost_records
        record = RecordTorn(time=instant(now), record=recovered.tree.size, torn_bytes=0, lost_records=lost)
        lines.append(encode_structural(record))
    return lines
