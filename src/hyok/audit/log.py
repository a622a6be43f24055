"""The audit log of one process that serves: a record of every request, on its way to the disk before the answer leaves.

The records of one turn of the loop go out in one `write(2)`; the transport holds back that turn's answers until `flush`
has returned, and where the log is durable until what it returns is done. Room is reserved before a key manager is
asked. A failing write fails the answers of its turn, and nothing further is served until the lines that could not be
written are written: a key is never used without a trace. (Such a line may tell of a success that the caller was never
told of; the key was used all the same, and a record after it says that its answer was withheld.)
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from hyok.audit.errors import AuditLogError
from hyok.audit.event import RequestRecord, encode_record
from hyok.audit.keeper import RESERVE_BYTES, Keeper
from hyok.audit.notes import Signer
from hyok.audit.retention import Retention
from hyok.audit.structure import WritingInterrupted, encode_structural, instant
from hyok.audit.unauthenticated import UnauthenticatedBudget
from hyok.audit.writer import LogWriter, Rotation

RECORD_ROOM_BYTES: Final = 4096
"""Reserved for the record of a request, besides as much as its body has: what it copies from there."""
_LEAST_ROOM_BYTES: Final = 64 * 1024
"""Before requests are served again after there was no room."""

_log = logging.getLogger(__name__)
_encode: Final = msgspec.json.Encoder().encode


class LogRules(NamedTuple):
    """How a log is kept."""

    is_durable: bool = False
    """Whether answers wait until their records would survive a loss of power."""
    rotation: Rotation = Rotation()
    retention: Retention = Retention()
    reserve_bytes: int = RESERVE_BYTES


class _Interruption:
    """A time in which records cannot be written."""

    __slots__ = ("reason", "refused", "since", "withheld")

    def __init__(self, reason: str, since: float, withheld: int) -> None:
        self.reason = reason
        self.since = since
        self.withheld = withheld
        self.refused = 0


class AuditLog:
    """Collects the records of a turn of the loop and writes them at once. Made by `opening.open_audit_log`."""

    __slots__ = (
        "_budget",
        "_interruption",
        "_is_durable",
        "_is_unsynced",
        "_keeper",
        "_lines",
        "_lock_descriptor",
        "_now",
        "_pending_bytes",
        "_promised_bytes",
        "_reserve_bytes",
        "_writer",
    )

    def __init__(
        self,
        writer: LogWriter,
        signer: Signer,
        *,
        lock_descriptor: int,
        rules: LogRules,
        now: Callable[[], float],
    ) -> None:
        self._writer = writer
        self._keeper = Keeper(
            writer,
            signer,
            reserve_bytes=rules.reserve_bytes,
            retention=rules.retention,
            before_checkpoint=self._write_summary,
        )
        self._lock_descriptor = lock_descriptor
        self._is_durable = rules.is_durable
        self._reserve_bytes = rules.reserve_bytes
        self._now = now
        self._lines: list[bytes] = []
        self._pending_bytes = 0
        """Of those lines."""
        self._promised_bytes = 0
        """Of the records of requests that are being answered, at most."""
        self._interruption: _Interruption | None = None
        self._is_unsynced = False
        self._budget = UnauthenticatedBudget()

    @property
    def path(self) -> Path:
        """The segment that is written to now."""
        return self._writer.place.segment_file(self._writer.segment.number)

    @property
    def is_failing(self) -> bool:
        """Whether records cannot be written, so that nothing may be served."""
        return self._interruption is not None

    def start(self) -> None:
        """Reserve the first room and begin to keep the log. OSError if there is no room."""
        self._keeper.start()

    def reserve(self, body_bytes: int) -> int:
        """Promise room for the record of a request with such a body; returns what to give to `append`.

        0 if there is none, or if records cannot be written: then no key may be used.
        """
        if self._interruption is not None and not self.recover():
            return 0
        promised = RECORD_ROOM_BYTES + body_bytes
        segment = self._writer.segment
        if segment.end + self._pending_bytes + self._promised_bytes + promised > segment.reserved_end:
            try:
                segment.reserve(self._reserve_bytes)  # the keeper does it in time, unless the disk keeps it waiting
            except OSError as error:
                self._interrupt(f"there is no room on the disk: {error.strerror}", withheld=0)
                self._keeper.wake()
                return 0
        self._promised_bytes += promised
        return promised

    def append(self, record: RequestRecord, promised: int) -> None:
        """Take a finished record, for which `promised` bytes were reserved; `flush` writes it."""
        line = encode_record(record)
        self._promised_bytes -= promised
        self._pending_bytes += len(line) + 1
        self._lines.append(line)

    def append_unauthenticated(self, record: RequestRecord, promised: int) -> None:
        """Take the record of a request that nothing proves: as far as their budget goes, else it is only counted."""
        if self._budget.admit(record):
            self.append(record, promised)
        else:
            self._promised_bytes -= promised
            self._keeper.note_written()

    def flush(self) -> asyncio.Future[None] | None:
        """Write the records appended since the last call. AuditLogError if the system refuses; the lines are kept.

        Where the log is durable, what is returned is done when they are, or fails with that error.
        """
        lines = self._lines
        if not lines:
            return None
        self._lines = []
        self._pending_bytes = 0
        try:
            self._writer.write(lines)
        except AuditLogError as error:
            self._interrupt(str(error), withheld=len(lines))
            raise
        self._keeper.note_written()
        self._writer.tree.keep_up()
        if self._keeper.is_short_of_room():
            self._keeper.wake()
        return self._synced() if self._is_durable else None

    def recover(self) -> bool:
        """Try once more to write the lines that are waiting, and tell whether the log can be relied on again."""
        interruption = self._interruption
        if interruption is None:
            return True
        if self._is_unsynced or not self._has_room() or not self._write_end_of(interruption):
            interruption.refused += 1
            self._keeper.wake()
            return False
        self._interruption = None
        _log.warning("the audit log can be written again")
        return True

    def close(self) -> None:
        """Write what is left, sign it, and leave the log to the next writer."""
        try:
            self.flush()
        finally:
            self._keeper.stop()
            self._writer.segment.close()
            os.close(self._lock_descriptor)

    def _has_room(self) -> bool:
        segment = self._writer.segment
        used = segment.end + self._pending_bytes + self._promised_bytes + self._writer.unwritten_bytes
        return used + _LEAST_ROOM_BYTES <= segment.reserved_end

    def _write_end_of(self, interruption: _Interruption) -> bool:
        try:
            self._writer.write([])
            ended = WritingInterrupted(
                time=instant(self._now()),
                reason=interruption.reason,
                since=instant(interruption.since),
                withheld_answers=interruption.withheld,
                refused_requests=interruption.refused,
            )
            self._writer.write([encode_structural(ended)])
        except AuditLogError:
            return False
        return True

    def _interrupt(self, reason: str, *, withheld: int) -> None:
        if self._interruption is None:
            self._interruption = _Interruption(reason, self._now(), 0)
            _log.error("no key is used until the audit log can be written: %s", reason)
        self._interruption.withheld += withheld
        self._interruption.refused += not withheld

    def _synced(self) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()

        def settle(failure: AuditLogError | None) -> None:
            if failure is None:
                if not future.done():
                    future.set_result(None)
                return
            # What the disk refused may be lost, and it does not say so again: only a new start can tell.
            self._is_unsynced = True
            self._interrupt(str(failure), withheld=1)
            if not future.done():
                future.set_exception(failure)
                future.exception()  # who has gone does not ask

        self._keeper.call_when_synced(lambda failure: _call_on(loop, settle, failure))
        return future

    def _write_summary(self, is_last: bool) -> bool:  # the keeper's question
        summary = self._budget.sum_up(self._now(), is_last=is_last)
        if summary is not None:
            self._writer.write([_encode(summary)])
        return self._budget.has_more()


def _call_on(
    loop: asyncio.AbstractEventLoop, settle: Callable[[AuditLogError | None], None], failure: AuditLogError | None
) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(settle, failure)
