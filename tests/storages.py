"""Where the tests' storages are: SQLite files, or PostgreSQL databases where the same tests run once more on those."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Protocol

from hyok.storage.schema import Side


class StoragePlaces(Protocol):
    """Gives storages their places."""

    def url(self, file: Path, side: Side) -> str:
        """Return the URL of the storage that this file would be, were it a file; the same for the same file."""
        ...

    def copy(self, file: Path, copy: Path, side: Side) -> None:
        """Copy a storage that nobody has open."""
        ...


class SqliteFiles:
    """The files themselves."""

    def url(self, file: Path, side: Side) -> str:
        return f"sqlite:///{file}"

    def copy(self, file: Path, copy: Path, side: Side) -> None:
        shutil.copytree(file.parent, copy.parent, dirs_exist_ok=True)


_places: list[StoragePlaces] = [SqliteFiles()]


def use_places(places: StoragePlaces) -> None:
    """Let storages be elsewhere, until `use_places_before`."""
    _places.append(places)


def use_places_before() -> None:
    _places.pop()


def storage_url(file: Path, side: Side) -> str:
    """Return where the storage of this name is."""
    return _places[-1].url(file, side)


def copy_storage(file: Path, copy: Path, side: Side) -> None:
    """Copy a storage that nobody has open, to a directory that is not there yet or empty."""
    copy.parent.mkdir(parents=True, exist_ok=True)
    _places[-1].copy(file, copy, side)
