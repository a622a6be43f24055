"""The trail: a directory of logs and the signed list of them, so that a log that vanishes is missed.

A log belongs to whoever holds its lock: the first worker writes `proxy-1`, one beside it `proxy-2`, and a worker that
takes the place of a dead one goes on where that stopped.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from hyok.audit.checkpoints import open_checkpoint
from hyok.audit.errors import NoteError
from hyok.audit.layout import DIRECTORY_MODE, FILE_MODE, LIST_FILE, LogPlace, is_log_name
from hyok.audit.notes import Signer, VerificationKey, parse_note
from hyok.errors import OperatorError
from hyok.storage.files import create_directory, sync_directory

_TRAIL_PREFIX: Final = "hyok.audit/"
_ARCHIVE: Final = "+archive"
"""The second line of an archive's list: it must not be taken for the trail's own."""
_LIST_LOCK: Final = "logs.lock"


class Trail(NamedTuple):
    """A trail as its list has it."""

    directory: Path
    name: str
    """`hyok.audit/` and 16 hexadecimal digits, made at random with the directory."""
    logs: tuple[str, ...]
    """The names of its logs, in the order in which they were begun."""
    is_archive: bool = False
    """Whether it holds what was retired of a trail of the same name."""

    def place(self, log: str) -> LogPlace:
        """Return where a log is."""
        return LogPlace(self.directory / log, f"{self.name}/{log}")

    def places(self) -> tuple[LogPlace, ...]:
        """Return where all logs are, or should be."""
        return tuple(self.place(log) for log in self.logs)


def read_trail(directory: Path, key: VerificationKey | None) -> Trail:
    """Read the list of logs; without a key its signature is not checked. NoteError if it is not what was written.

    OperatorError if there is none.
    """
    try:
        content = (directory / LIST_FILE).read_bytes()
    except OSError as error:
        raise OperatorError(
            f"{directory} is no audit trail: its {LIST_FILE} cannot be read ({error.strerror}); name the directory "
            "that [audit] directory names, or a copy of it"
        ) from error
    note = parse_note(content)
    name, *logs = note.text[:-1].split("\n")
    is_archive = logs[:1] == [_ARCHIVE]
    del logs[: int(is_archive)]
    if not name.startswith(_TRAIL_PREFIX) or not all(is_log_name(log) for log in logs) or len(set(logs)) != len(logs):
        raise NoteError(f"{directory / LIST_FILE} is no list of logs")
    if key is not None:
        key.verify(note, name)
    return Trail(directory, name, tuple(logs), is_archive)


def open_trail(directory: Path, signer: Signer) -> Trail:
    """Read the list of logs, or begin a trail in a directory that has none. OperatorError if that cannot be."""
    try:
        create_directory(directory)
        with _list_locked(directory):
            if (directory / LIST_FILE).exists():
                return read_trail(directory, signer.key)
            trail = Trail(directory, _TRAIL_PREFIX + secrets.token_hex(8), ())
            _write_list(trail, signer)
            return trail
    except OSError as error:
        raise OperatorError(
            f"cannot start the audit log in {directory}: {error.strerror}; "
            "name a directory in [audit] directory that this user may write to"
        ) from error
    except NoteError as error:
        raise OperatorError(
            f"the audit trail in {directory} was not begun by this installation, or was altered: {error}; keep it as "
            "it is, and name another directory in [audit] directory"
        ) from error


def add_log(trail: Trail, log: str, signer: Signer) -> Trail:
    """Enter a log in the list, if it is not there, before anything is written to it."""
    with _list_locked(trail.directory):
        present = read_trail(trail.directory, signer.key)
        if log in present.logs:
            return present
        grown = present._replace(logs=(*present.logs, log))
        _write_list(grown, signer)
        return grown


def open_archive(archive: Path, place: LogPlace, signer: Signer) -> LogPlace:
    """Return where a log's retired segments go; each trail has a directory of its own there. OSError, NoteError."""
    name = place.origin.rpartition("/")[0]
    directory = archive / name.removeprefix(_TRAIL_PREFIX)
    create_directory(directory)
    with _list_locked(directory):
        if not (directory / LIST_FILE).exists():
            _write_list(Trail(directory, name, (), is_archive=True), signer)
    return add_log(read_trail(directory, signer.key), place.name, signer).place(place.name)


def lock_log(place: LogPlace) -> int:
    """Become the writer of a log, when whoever is has ended; returns the descriptor that holds the lock."""
    return _lock(place, fcntl.LOCK_EX)


def try_to_lock_log(place: LogPlace) -> int | None:
    """Become the writer of a log as `lock_log` does; None if somebody else is."""
    try:
        return _lock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None


def _lock(place: LogPlace, operation: int) -> int:
    place.directory.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
    descriptor = os.open(place.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
    try:
        fcntl.flock(descriptor, operation)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def newest_sizes(trail: Trail, key: VerificationKey) -> dict[str, int]:
    """Return how many records each log has by its newest checkpoint; -1 where that is missing or not right."""
    return {place.name: _newest_size(place, key) for place in trail.places()}


def replace_file(path: Path, content: bytes) -> None:
    """Put a file in the place of another, so that at any moment, and after a loss of power, one of them is there."""
    draft = path.with_name(path.name + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
    try:
        written = os.write(descriptor, content)
        if written != len(content):
            raise OSError(28, "No space left on device", str(draft))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    draft.replace(path)


def _newest_size(place: LogPlace, key: VerificationKey) -> int:
    try:
        return open_checkpoint(place.checkpoint_file.read_bytes(), key).size
    except (OSError, NoteError):
        return -1


def _write_list(trail: Trail, signer: Signer) -> None:
    mark = (_ARCHIVE,) if trail.is_archive else ()
    text = "".join(f"{line}\n" for line in (trail.name, *mark, *trail.logs))
    replace_file(trail.directory / LIST_FILE, signer.sign(text, trail.name).encode())
    sync_directory(trail.directory)


@contextmanager
def _list_locked(directory: Path) -> Iterator[None]:
    descriptor = os.open(directory / _LIST_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
