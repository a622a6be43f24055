"""A high-water mark outside the database: the newest change that was acknowledged, so that an older copy is noticed.

The anchor is a file of one line, `hyok-anchor-1 <store id> <position> <seal>`, which only the storage's own key seals.
It is written after a change is durable in the storage and before it is acknowledged: after a crash the storage may be
ahead of its anchor, never behind it. Several processes share one anchor, one at a time.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from hyok.custody.errors import IntegrityError
from hyok.custody.safe import Safe
from hyok.errors import OperatorError
from hyok.storage.errors import StorageError
from hyok.storage.files import create_directory, sync_directory

_FORMAT: Final = "hyok-anchor-1"
_MAXIMUM_BYTES: Final = 4096


class Mark(NamedTuple):
    """What an anchor file says."""

    store_id: str
    position: int
    """Of the newest change that was acknowledged."""
    seal: bytes


class Anchor:
    """The anchor of one storage."""

    def __init__(self, path: Path, safe: Safe) -> None:
        self.path = path
        self._safe = safe
        self._known = 0  # positions up to here need no look at the file

    def check(self, position: int, *, location: str) -> None:
        """Compare with the newest change in the storage. OperatorError if that is older, or this is not its anchor.

        A storage that has no change yet gets its anchor now.
        """
        mark = _read(self.path)
        if mark is None and position == 0:
            self.reset(0)
            return
        if mark is None:
            raise OperatorError(
                f"the anchor {self.path} is not there, and without it nobody knows whether the storage {location} is "
                "an older copy; put it back, or, if the storage is as it should be, run `hyok anchor reset`"
            )
        self._verify(mark)
        if position < mark.position:
            raise OperatorError(
                f"the storage {location} is an older copy: its newest change is number {position}, and the anchor "
                f"{self.path} knows of number {mark.position}. Keys that were withdrawn since may be in use again, and "
                "versions made since are lost; put the newest copy in its place, or, if this one is meant, run `hyok "
                "anchor reset`"
            )

    def advance(self, position: int) -> None:
        """Note durably that this change is in the storage, unless a newer one is noted. StorageError."""
        if position <= self._known:
            return
        try:
            with self._locked():
                mark = _read(self.path)
                if mark is None:
                    raise StorageError(
                        f"the anchor {self.path} is gone: the change is in the storage but is not acknowledged; put "
                        "the anchor back, or run `hyok anchor reset`"
                    )
                self._verify(mark)
                if mark.position < position:
                    self._write(position)
        except (OSError, OperatorError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise StorageError(
                f"the change is in the storage, but cannot be noted in the anchor {self.path}: {reason}"
            ) from error
        self._known = position

    def reset(self, position: int) -> None:
        """Make the anchor say this, whatever it says now. OperatorError if it cannot be written."""
        try:
            create_directory(self.path.parent)
            with self._locked():
                self._write(position)
        except OSError as error:
            raise OperatorError(f"the anchor {self.path} cannot be written: {error.strerror}") from error

    def _verify(self, mark: Mark) -> None:
        if mark.store_id != self._safe.store_id:
            raise OperatorError(
                f"the anchor {self.path} is that of another storage ({mark.store_id}, not {self._safe.store_id}); name "
                "this one's in storage.anchor, or run `hyok anchor reset`"
            )
        try:
            self._safe.open(mark.seal, "anchor", mark.position)
        except IntegrityError as error:
            raise OperatorError(
                f"the anchor {self.path} is not sealed by this storage's key: it was altered, or the storage is an "
                "older copy from before its root key was replaced; put back what is wrong, or, if the storage is as it "
                "should be, run `hyok anchor reset`"
            ) from error

    def _write(self, position: int) -> None:
        line = f"{_FORMAT} {self._safe.store_id} {position} {self._safe.seal(b'', 'anchor', position).hex()}\n"
        draft = self.path.with_name(f"{self.path.name}.{secrets.token_hex(8)}.new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "wb") as file:
                self._give_to_owner(descriptor)
                file.write(line.encode())
                file.flush()
                os.fsync(descriptor)
            draft.replace(self.path)
        finally:
            draft.unlink(missing_ok=True)
        sync_directory(self.path.parent)

    def _give_to_owner(self, descriptor: int) -> None:
        """Let a command that root runs lock no server out: the files belong to whom their directory does."""
        if os.geteuid() == 0:
            directory = self.path.parent.stat()
            os.fchown(descriptor, directory.st_uid, directory.st_gid)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            self._give_to_owner(descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def parse_anchor(content: bytes, *, location: str) -> Mark:
    """Take an anchor file apart. OperatorError if it is anything but one whole line."""
    words = content.decode("ascii", "replace").removesuffix("\n").split(" ")
    if len(words) == 4 and words[0] == _FORMAT and words[2].isdecimal() and len(words[2]) < 20:
        position = int(words[2])
        try:
            seal = bytes.fromhex(words[3])
        except ValueError:
            seal = b""
        if " ".join((_FORMAT, words[1], str(position), seal.hex())).encode() + b"\n" == content:
            return Mark(words[1], position, seal)
    raise OperatorError(
        f"{location} ({len(content)} bytes) is not an anchor; expected one line `{_FORMAT} <store id> <position> "
        "<seal>`"
    )


def _read(path: Path) -> Mark | None:
    try:
        with path.open("rb") as file:
            return parse_anchor(file.read(_MAXIMUM_BYTES), location=str(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OperatorError(f"the anchor {path} cannot be read: {error.strerror}") from error
