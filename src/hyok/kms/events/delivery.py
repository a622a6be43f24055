"""Files of events as CloudTrail delivers them to a bucket: a directory for each account, Region and day.

AWSLogs/ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/ACCOUNT_CloudTrail_REGION_YYYYMMDDTHHMMZ_UNIQUE.json.gz

While a file is written it has `.partial` behind its name and one event on each line, so that a process that is killed
loses nothing that was written; its next start, or that of another on the same directory, delivers what it left. A
delivered file is never changed. Source: CloudTrail User Guide, "Finding your CloudTrail log files".
"""

from __future__ import annotations

import fcntl
import gzip
import logging
import os
import secrets
import string
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import BinaryIO, Final

from hyok.storage.files import create_directory, sync_directory

_PARTIAL: Final = ".partial"
_UNIQUE_CHARACTERS: Final = string.ascii_letters + string.digits
_FILE_MODE: Final = 0o600

_log = logging.getLogger(__name__)


class FileFormat(Enum):
    """What a delivered file is."""

    GZIP = "gzip"
    """`.json.gz`: `{"Records": [...]}`, compressed, as CloudTrail's own."""
    LINES = "lines"
    """`.jsonl`: one event on each line, to be read without further ado."""

    @property
    def suffix(self) -> str:
        """What such a file's name ends in."""
        match self:
            case FileFormat.GZIP:
                return ".json.gz"
            case FileFormat.LINES:
                return ".jsonl"


class EventFile:
    """A file that is being written. Its methods block."""

    def __init__(self, root: Path, account: str, region: str, *, at: float, file_format: FileFormat) -> None:
        """Begin one; `at` is in Unix seconds. OSError."""
        now = datetime.fromtimestamp(at, UTC)
        directory = root / "AWSLogs" / account / "CloudTrail" / region / f"{now:%Y}" / f"{now:%m}" / f"{now:%d}"
        create_directory(directory)
        unique = "".join(secrets.choice(_UNIQUE_CHARACTERS) for _ in range(16))
        name = f"{account}_CloudTrail_{region}_{now:%Y%m%dT%H%MZ}_{unique}{file_format.suffix}{_PARTIAL}"
        self._path = directory / name
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(self._path, flags, _FILE_MODE)
        # Held as long as it is written: whoever can take it knows that the writer is gone.
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        self.begun_at = at
        self.size_bytes = 0

    def write(self, lines: bytes) -> None:
        """Add whole lines, or none of them: OSError."""
        rest = memoryview(lines)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            os.ftruncate(self._descriptor, self.size_bytes)  # else the next line would follow a torn one
            raise
        self.size_bytes += len(lines)

    def deliver(self) -> Path:
        """Finish the file and return its name. OSError."""
        try:
            return _deliver(self._path)
        finally:
            os.close(self._descriptor)


def deliver_what_is_left(root: Path) -> None:
    """Deliver the files of writers that were killed. OSError."""
    for path in sorted(root.glob(f"AWSLogs/*/CloudTrail/*/*/*/*/*{_PARTIAL}")):
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue  # another process writes it
        else:
            if path.exists():  # else another was faster
                _log.info("delivered events that an earlier run had left: %s", _deliver(path))
        finally:
            os.close(descriptor)


def _deliver(partial: Path) -> Path:
    delivered = partial.with_name(partial.name.removesuffix(_PARTIAL))
    if delivered.name.endswith(FileFormat.GZIP.suffix):
        # Made beside it and put in its place whole: a reader sees all of a file or none of it.
        draft = partial.with_name(f"{delivered.name}.draft")
        with partial.open("rb") as lines, draft.open("wb") as file:
            os.chmod(file.fileno(), _FILE_MODE)
            with gzip.GzipFile(filename="", fileobj=file, mode="wb") as compressed:
                _wrap(lines, compressed)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(delivered)
        partial.unlink()
    else:
        _cut_torn_line(partial)
        partial.replace(delivered)
    sync_directory(delivered.parent)
    return delivered


def _wrap(lines: BinaryIO, into: gzip.GzipFile) -> None:
    into.write(b'{"Records":[')
    separator = b""
    for line in lines:
        if line.endswith(b"\n"):  # else the writer was cut off in the middle of it
            into.write(separator + line[:-1])
            separator = b","
    into.write(b"]}")


def _cut_torn_line(path: Path) -> None:
    with path.open("rb+") as file:
        end = 0
        for line in file:
            end += len(line) if line.endswith(b"\n") else 0
        file.truncate(end)
        os.fsync(file.fileno())
