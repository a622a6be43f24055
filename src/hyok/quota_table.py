"""The buckets of quotas by name, in memory that a parent makes and its workers share.

So a quota holds for all of them together, however unevenly connections are spread, and a worker that takes another's
place, or serves beside it during a reload, brings no second one.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import BinaryIO, Final

from hyok.quota import FULL, Bucket, own_bucket

_PLACES: Final = 4096
_NUMBERS: Final = 3
"""In each place: the name's hash, in two numbers that are never both zero, and the bucket's instant."""
_BYTES: Final = _PLACES * _NUMBERS * 8


def make_shared_memory() -> BinaryIO:
    """Return the memory of an empty table, as a file that has no name. OSError if the system refuses."""
    file = os.fdopen(os.memfd_create("hyok-quotas"), "r+b")
    file.truncate(_BYTES)
    return file


class QuotaTable:
    """Finds each name's bucket: the same for all processes that have the memory."""

    def __init__(self, descriptor: int | None = None) -> None:
        """With the descriptor of shared memory, or with memory of its own. OSError if there is no such memory."""
        self._descriptor = descriptor
        self._numbers = memoryview(mmap.mmap(-1 if descriptor is None else descriptor, _BYTES)).cast("q")

    def bucket(self, name: str) -> Bucket:
        """Return a name's bucket, full if nobody has asked for it before. Names are never forgotten.

        With 4096 names in the table, a further one gets a bucket of this process's own.
        """
        first, second = struct.unpack("qq", sha256(name.encode()).digest()[:16])
        numbers = self._numbers
        with self._locked():
            for step in range(_PLACES):
                at = (first + step) % _PLACES * _NUMBERS
                if not numbers[at] and not numbers[at + 1]:
                    numbers[at], numbers[at + 1], numbers[at + 2] = first, second, FULL
                if (numbers[at], numbers[at + 1]) == (first, second):
                    return Bucket(numbers, at + 2)
        return own_bucket()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        if self._descriptor is None:
            yield
            return
        # Of the process and not of the descriptor, which is one for all.
        fcntl.lockf(self._descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN)
