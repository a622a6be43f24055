"""What a log needs beside its writer, in a thread of its own: room, syncs, hashes, checkpoints, the next segment.

None of it is waited for by a request, but a sync where the log is durable. It wakes when the writer calls it and then
each second until all is kept; while nothing is written it sleeps.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from hyok.audit.checkpoints import Checkpoint
from hyok.audit.errors import AuditLogError
from hyok.audit.layout import LogPlace
from hyok.audit.notes import Signer
from hyok.audit.retention import LOOK_SECONDS, Retention, retire_segments
from hyok.audit.segments import Segment
from hyok.audit.trail import replace_file
from hyok.audit.writer import LogWriter
from hyok.errors import HyokError

RESERVE_BYTES: Final = 16 * 1024 * 1024
"""What is reserved ahead of the writer, at most; at least half of it is there when it is called in time."""
CHECKPOINT_SECONDS: Final = 1.0
_RETRY_SECONDS: Final = 0.2

_log = logging.getLogger(__name__)


class Keeper:
    """Keeps one writer's log."""

    def __init__(
        self,
        writer: LogWriter,
        signer: Signer,
        *,
        reserve_bytes: int = RESERVE_BYTES,
        retention: Retention,
        before_checkpoint: Callable[[bool], bool] = lambda _is_last: False,
    ) -> None:
        """`before_checkpoint` is called, from the keeper's thread, before all that is written is signed.

        It is told whether this is the last time, and tells whether it wants to be called again in a second.
        """
        self._writer = writer
        self._signer = signer
        self._reserve_bytes = reserve_bytes
        self._retention = retention
        self._retire_at = 0.0
        self._before_checkpoint = before_checkpoint
        self._wake = threading.Event()
        self._is_stopping = False
        self._is_called = False
        self._signed_size = -1
        self._checkpoint_at = 0.0
        self._synced: list[Callable[[AuditLogError | None], None]] = []
        self._failing: set[str] = set()
        self._thread = threading.Thread(target=self._run, name="hyok-audit-keeper", daemon=True)

    def start(self) -> None:
        """Reserve the first room and begin. OSError if there is none."""
        self._writer.segment.reserve(self._reserve_bytes)
        self.note_written()
        self._thread.start()

    def stop(self) -> None:
        """Keep what is written, sign it, and end."""
        self._is_stopping = True
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join()

    def note_written(self) -> None:
        """See to it that what was just written is signed within a second."""
        if not self._is_called:
            self._is_called = True
            self._wake.set()

    def wake(self) -> None:
        """See what is due at once."""
        self._wake.set()

    def call_when_synced(self, call: Callable[[AuditLogError | None], None]) -> None:
        """Call, from the keeper's thread, once all that is written now is durable, or cannot be made so."""
        self._synced.append(call)
        self._wake.set()

    def is_short_of_room(self) -> bool:
        """Tell whether it is time to reserve more."""
        segment = self._writer.segment
        return segment.reserved_end - segment.end < self._reserve_bytes // 2

    # The thread.

    def _run(self) -> None:
        pause: float | None = 0.0
        while not self._is_stopping:
            self._wake.wait(pause)
            self._wake.clear()
            pause = self._keep()
        self._checkpoint_at = 0.0
        self._is_called = True
        self._keep()
        if self._writer.next_segment is not None:  # not needed any more
            self._writer.next_segment.discard()
        self._attempt("close the segment", self._writer.finish)

    def _keep(self) -> float | None:
        """Do what is due; returns in how many seconds something will be, None if nothing before it is called."""
        self._sync()
        self._attempt("reserve room", self._reserve)
        if not self._is_stopping:
            self._attempt("prepare the next segment", self._prepare_next)
        self._attempt("close the last segment", lambda: close_finished(self._writer, self._signer))
        if time.monotonic() >= self._retire_at and not self._is_stopping:
            self._retire_at = time.monotonic() + LOOK_SECONDS
            self._attempt("retire segments", lambda: retire_segments(self._writer, self._signer, self._retention))
        if self._is_called and time.monotonic() >= self._checkpoint_at:
            self._attempt("sign a checkpoint", self._sign)
            self._checkpoint_at = time.monotonic() + CHECKPOINT_SECONDS
        if self._failing - {"retire segments"}:  # these have an hour
            return _RETRY_SECONDS
        return max(0.0, self._checkpoint_at - time.monotonic()) if self._is_called else None

    def _attempt(self, what: str, work: Callable[[], None]) -> None:
        try:
            work()
        except (OSError, HyokError) as error:
            if what not in self._failing:
                reason = error.strerror if isinstance(error, OSError) else str(error)
                _log.error("cannot %s of the audit log %s: %s", what, self._writer.place.directory, reason)
            self._failing.add(what)
        else:
            self._failing.discard(what)

    def _reserve(self) -> None:
        if self.is_short_of_room():
            self._writer.segment.reserve(self._reserve_bytes)

    def _sync(self) -> None:
        waiting, self._synced = self._synced, []
        if not waiting:
            return
        # All of them were written before this: one sync is good for all.
        failure: AuditLogError | None = None
        try:
            for segment in self._unsynced():
                segment.sync()
        except OSError as error:
            failure = AuditLogError(f"cannot sync the audit log {self._writer.place.directory}: {error.strerror}")
        for call in waiting:
            call(failure)

    def _unsynced(self) -> list[Segment]:
        with self._writer.lock:
            return [*(each.segment for each in self._writer.finished), self._writer.segment]

    def _prepare_next(self) -> None:
        writer = self._writer
        is_old = writer.now() - writer.segment.opened_at >= writer.rotation.segment_seconds
        if writer.next_segment is None and (is_old or writer.segment.end >= writer.rotation.segment_bytes * 3 // 4):
            prepare_next(writer, self._reserve_bytes)
        if is_old and writer.next_segment is not None:
            writer.rolls_at = 0

    def _sign(self) -> None:
        self._is_called = False
        try:
            self._is_called = self._before_checkpoint(self._is_stopping)
            checkpoint = self._writer.checkpoint()
            if checkpoint.size == self._signed_size:
                return
            # 1. A checkpoint never promises what a loss of power could take.
            for segment in self._unsynced():
                segment.sync()
            self._writer.save_hashes()
            # 2. Then it is signed, and put in the place of the one before.
            publish(self._writer.place, checkpoint, self._signer)
        except BaseException:
            self._is_called = True
            raise
        self._signed_size = checkpoint.size


def prepare_next(writer: LogWriter, reserve_bytes: int) -> None:
    """Make the segment that follows, with room in it. OSError; then there is none."""
    number = writer.segment.number + 1
    following = Segment(writer.place, number, end=0, opened_at=writer.now(), is_new=True)
    try:
        following.reserve(reserve_bytes)
    except OSError:
        following.discard()
        raise
    writer.next_segment = following


def close_finished(writer: LogWriter, signer: Signer) -> None:
    """Close the segments that nothing is written to any more, each with the checkpoint of its end. OSError."""
    while writer.finished:
        segment, checkpoint = writer.finished[0]
        segment.finish()
        replace_file(writer.place.closing_checkpoint_file(segment.number), checkpoint.sign(signer))
        segment.close()
        del writer.finished[0]


def publish(place: LogPlace, checkpoint: Checkpoint, signer: Signer) -> None:
    """Make this the newest checkpoint of a log. OSError."""
    replace_file(place.checkpoint_file, checkpoint.sign(signer))
