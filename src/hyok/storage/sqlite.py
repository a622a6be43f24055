"""A storage in an SQLite file, the default: nothing to run, and one machine only.

A write is durable when its transaction ends: WAL with synchronous=FULL syncs the log at each commit. SQLite's locks do
not survive a fork, so open it after one.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import URL, Engine, QueuePool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from hyok.errors import OperatorError
from hyok.storage.database import Database, begin_with
from hyok.storage.errors import StorageError
from hyok.storage.files import create_database_file

CONNECTION_PRAGMAS: Final[tuple[str, ...]] = (
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=5000",
    "PRAGMA secure_delete=ON",  # a deleted key's sealed material does not linger in free pages
)
"""What every connection is set to. Durability tests replace the first to show that they would notice."""


def open_file(url: str) -> Database:
    """Reach an SQLite file, created with mode 0600 if need be. OperatorError if there can be none."""
    path = _path_of(url)
    create_database_file(path)
    engine = _create_engine(path)
    return Database(
        engine,
        str(path),
        # The driver's own BEGIN comes too late (before the first write), where two readers that turn writers deadlock.
        begin_writing="BEGIN IMMEDIATE",
        prepare=partial(_turn_on_write_ahead_log, engine, str(path)),
        erase_traces=partial(_empty_log, engine, str(path)),
    )


def _path_of(url: str) -> Path:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise OperatorError(
            f"the storage URL ({len(url)} characters) cannot be read; write sqlite:////absolute/path/hyok.db"
        ) from error
    if parsed.drivername != "sqlite":
        raise OperatorError(
            f"a storage of kind {parsed.drivername!r} is not supported; write sqlite:////absolute/path/hyok.db, or "
            "postgresql://user@host/database"
        )
    if not parsed.database or parsed.database == ":memory:" or parsed.query or parsed.host:
        raise OperatorError("the storage URL names no file; write sqlite:////absolute/path/hyok.db")
    return Path(parsed.database)


def _create_engine(path: Path) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        poolclass=QueuePool,
        hide_parameters=True,  # an error's text must not carry a row's values
        connect_args={"check_same_thread": False, "isolation_level": None},
    )
    event.listen(engine, "connect", _configure_connection)
    begin_with(engine, "BEGIN")
    return engine


class _Cursor(Protocol):
    def execute(self, statement: str) -> object: ...
    def close(self) -> None: ...


class _DbapiConnection(Protocol):
    def cursor(self) -> _Cursor: ...


def _configure_connection(connection: _DbapiConnection, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in CONNECTION_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _turn_on_write_ahead_log(engine: Engine, location: str) -> None:
    # Not in a transaction, in which SQLite does not change this. No change to a file that has its log; a restored
    # backup may not.
    with closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        row = cursor.fetchone()
        cursor.close()
    if row is None or row[0] != "wal":
        raise OperatorError(
            f"the storage {location} cannot keep a write-ahead log (SQLite answers {row!r}); name a place on a local "
            "file system"
        )


def _empty_log(engine: Engine, location: str) -> bool:
    # Not in a transaction, in which SQLite does not do this.
    with closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        try:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            row = cursor.fetchone()
        except sqlite3.Error as error:
            raise StorageError(f"the log of the storage {location} cannot be emptied: {error}") from error
    return row is not None and row[0] == 0
