"""A segment as its writer has it open: a file of lines, with room reserved behind them, and a file of their hashes."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence

from hyok.audit.layout import FILE_MODE, LogPlace
from hyok.audit.space import reserve
from hyok.audit.tree import HASH_BYTES
from hyok.storage.files import sync_directory


class Segment:
    """The files of one segment. Its writer moves `end`; everything else is done beside it, off the loop."""

    __slots__ = (
        "_hashes",
        "_place",
        "_reserving",
        "descriptor",
        "end",
        "number",
        "opened_at",
        "reserved_end",
        "saved",
        "unsaved",
    )

    def __init__(self, place: LogPlace, number: int, *, end: int, opened_at: float, is_new: bool) -> None:
        """Open the files; a new segment's must not be there yet. OSError."""
        flags = os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | (os.O_EXCL if is_new else 0)
        self._place = place
        self.number = number
        # Appending, so that not even a defect of ours can write over a record.
        self.descriptor = os.open(place.segment_file(number), os.O_WRONLY | os.O_APPEND | flags, FILE_MODE)
        self._hashes = os.open(
            place.hashes_file(number), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE
        )
        self.opened_at = opened_at
        """Unix seconds."""
        self.end = end
        """How many bytes were written."""
        self._reserving = threading.Lock()
        self.reserved_end = end
        """How many can be written, as far as the file system promises."""
        self.unsaved: list[bytes] = []
        """Hashes of records that are written and not yet in the file of hashes."""
        self.saved = 0
        """How many are there."""
        if is_new:
            sync_directory(place.directory)

    def reserve(self, length: int) -> None:
        """Take more room at the end of what is reserved. OSError if there is none. From any thread."""
        with self._reserving:
            reserve(self.descriptor, self.reserved_end, length)
            self.reserved_end += length

    def sync(self) -> None:
        """Make the records that are written durable. OSError."""
        os.fdatasync(self.descriptor)

    def keep_hashes(self, known: Sequence[bytes]) -> None:
        """Bring the file of hashes to these, which are those of all records. OSError.

        For the start: a writer that was killed may have written records whose hashes it had no time to write.
        """
        os.ftruncate(self._hashes, len(known) * HASH_BYTES)
        self.unsaved = list(known)
        self.saved = 0
        self.save_hashes()

    def save_hashes(self) -> None:
        """Write the hashes that are not in their file yet. OSError; then they are tried again the next time."""
        taken = self.unsaved[:]  # the writer may add to it meanwhile
        content = b"".join(taken)
        at = self.saved * HASH_BYTES
        while content:
            written = os.pwrite(self._hashes, content, at)
            content, at = content[written:], at + written
        os.fdatasync(self._hashes)
        self.saved += len(taken)
        del self.unsaved[: len(taken)]

    def finish(self) -> None:
        """Give back the room that was not used, and make all of it durable. OSError."""
        os.ftruncate(self.descriptor, self.end)
        self.sync()
        self.save_hashes()

    def discard(self) -> None:
        """Close and remove files that nothing was written to."""
        self.close()
        self._place.segment_file(self.number).unlink()
        self._place.hashes_file(self.number).unlink(missing_ok=True)

    def close(self) -> None:
        """Close the files."""
        os.close(self.descriptor)
        os.close(self._hashes)
