"""The audit log: one JSON line per request, on its way to the disk before the answer is on its way to the caller.

The records of one turn of the loop go out in one `write(2)`; the transport holds back that turn's answers until
`flush` has returned. A failing write fails those answers, and nothing further is served until the lines that could not
be written are written: a key is never used without a trace. (Such a line may tell of a success that the caller was
never told of; the key was used all the same.)

One file per start of a process, `<service>-<UTC start>-<pid>.jsonl`: it has one writer and its names sort by time.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from hyok.audit.event import RequestRecord, encode_record
from hyok.errors import HyokError, OperatorError

_DIRECTORY_MODE = 0o700
_FILE_MODE = 0o600


class AuditLogError(HyokError):
    """The audit log cannot be written; no answer of this turn may leave as a success."""


class AuditLog:
    """Collects the records of a turn of the loop and writes them at once."""

    __slots__ = ("_descriptor", "_lines", "_unwritten", "is_failing", "path")

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._lines: list[bytes] = []
        self._unwritten = b""
        self.is_failing = False
        """Whether the last write failed, so that lines are waiting."""

    def append(self, record: RequestRecord) -> None:
        """Take a finished record; `flush` writes it."""
        self._lines.append(encode_record(record))

    def flush(self) -> None:
        """Write the records appended since the last call. AuditLogError if the system refuses; the lines are kept."""
        if self._lines:
            self._unwritten += b"\n".join(self._lines) + b"\n"
            self._lines.clear()
            self._write()

    def recover(self) -> bool:
        """Try once more to write the lines that are waiting, and tell whether the log can be relied on again."""
        try:
            self._write()
        except AuditLogError:
            return False
        return True

    def close(self) -> None:
        """Write what is left and close the file."""
        try:
            self.flush()
        finally:
            os.close(self._descriptor)

    def _write(self) -> None:
        # A write may be cut short when a disk fills up. The rest is written by the next attempt, so that a line is
        # whole as soon as there is room again.
        try:
            while self._unwritten:
                written = os.write(self._descriptor, self._unwritten)
                self._unwritten = self._unwritten[written:]
        except OSError as error:
            self.is_failing = True
            raise AuditLogError(
                f"cannot write {len(self._unwritten)} bytes to the audit log {self.path}: {error.strerror}"
            ) from error
        self.is_failing = False


def open_audit_log(directory: Path, *, service: str, now: float) -> AuditLog:
    """Start a new file in `directory`, which is created for the owner alone; `now` is in Unix seconds.

    OperatorError if that cannot be done.
    """
    started = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    path = directory / f"{service}-{started}-{os.getpid()}.jsonl"
    try:
        directory.mkdir(mode=_DIRECTORY_MODE, parents=True, exist_ok=True)
        # Exclusive: a file has one writer for all its life, and a link planted under its name is not followed.
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, _FILE_MODE)
    except OSError as error:
        raise OperatorError(
            f"cannot start the audit log {path}: {error.strerror}; "
            "name a directory in [audit] directory that this user may write to"
        ) from error
    return AuditLog(path, descriptor)
