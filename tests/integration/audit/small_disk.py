"""A file system of its own that can be filled: a tmpfs, mounted for the length of a block."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def small_disk(place: Path, *, size_bytes: int) -> Iterator[Path]:
    """Mount one, which needs root; fails with a sentence where that is not allowed."""
    place.mkdir()
    options = f"size={size_bytes},mode=0700".encode()
    if _libc.mount(b"none", os.fsencode(place), b"tmpfs", ctypes.c_ulong(0), options):
        pytest.fail(
            f"a file system to fill cannot be mounted ({os.strerror(ctypes.get_errno())}): run the tests as root or in "
            "a user and mount namespace (unshare -rm)"
        )
    try:
        yield place
    finally:
        _libc.umount2(os.fsencode(place), 2)  # MNT_DETACH
