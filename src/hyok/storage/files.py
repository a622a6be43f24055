"""Create files and directories that only their owner may read, durably: the directory entry is synced too."""

from __future__ import annotations

import os
from pathlib import Path

from hyok.errors import OperatorError


def create_directory(path: Path) -> None:
    """Create a directory and its missing parents with mode 0700; an existing one is left as it is."""
    missing = [directory for directory in (path, *path.parents) if not directory.exists()]
    for directory in reversed(missing):
        try:
            directory.mkdir(mode=0o700)
        except FileExistsError:
            continue  # another process was faster; what matters is that it is there
        sync_directory(directory.parent)


def sync_directory(path: Path) -> None:
    """Make the entries of a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def create_database_file(path: Path) -> None:
    """Make sure that the file is there and writable: a new one is empty, mode 0600, its directory synced.

    OperatorError if it cannot be.
    """
    try:
        create_directory(path.parent)
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            sync_directory(path.parent)
        except FileExistsError:
            pass
    except OSError as error:
        raise OperatorError(
            f"the storage {path} cannot be created: {error.strerror}; name a place that this user may write to"
        ) from error
    if not path.is_file():
        raise OperatorError(f"the storage {path} is not a file; name a database file, for example {path / 'hyok.db'}")
    if not (os.access(path, os.R_OK | os.W_OK) and os.access(path.parent, os.W_OK | os.X_OK)):
        raise OperatorError(
            f"the storage {path} cannot be written: SQLite needs to write the file and its directory; "
            f"give user {os.geteuid()} both"
        )
