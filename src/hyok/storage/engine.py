"""The storage: one SQLite database, opened, checked and migrated, and transactions on it.

A write is durable when its transaction ends: WAL with synchronous=FULL syncs the log at each commit. Nothing here runs
on the request path; on an event loop go through `run` and `read`, which keep SQL in threads of their own. Open a
storage after a fork, never before: SQLite's locks do not survive one.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, Protocol, TypeVar

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from hyok.errors import OperatorError
from hyok.storage.changes import NotedChange, current_position, take_noted_changes
from hyok.storage.errors import StorageError
from hyok.storage.files import create_database_file
from hyok.storage.migration import is_current, migrate
from hyok.storage.schema import Side

T = TypeVar("T")

CONNECTION_PRAGMAS: Final[tuple[str, ...]] = (
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=5000",
    "PRAGMA secure_delete=ON",  # a deleted key's sealed material does not linger in free pages
)
"""What every connection is set to. Durability tests replace the first to show that they would notice."""


class Storage:
    """The open database of one side. Made by `open_storage`; safe to use from several threads."""

    def __init__(self, engine: Engine, side: Side, *, location: str) -> None:
        self.side = side
        self.location = location
        """Where the database is, for messages."""
        self.before_commit: Callable[[Connection, Sequence[NotedChange]], None] | None = None
        """Told at a transaction's end, and as a part of it, what it changed, so that it leaves a record of that."""
        self._note_durable: Callable[[int], None] | None = None
        self._reader = engine
        self._writer = engine.execution_options(begin="BEGIN IMMEDIATE")
        self._write_thread = ThreadPoolExecutor(1, thread_name_prefix=f"hyok-{side.value}-storage-write")
        self._read_thread = ThreadPoolExecutor(1, thread_name_prefix=f"hyok-{side.value}-storage-read")

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Read and write in one transaction that waits its turn first, is durable at the end, and undone by any error.

        StorageError if the database fails, or stays locked by others for 5 seconds.
        """
        position = 0
        with self._named_failures(), self._writer.begin() as connection:
            take_noted_changes(connection)  # of a transaction that was undone
            yield connection
            if (noted := take_noted_changes(connection)) and self.before_commit is not None:
                self.before_commit(connection, noted)
            if self._note_durable is not None:
                position = current_position(connection)
        if self._note_durable is not None:
            self._note_durable(position)

    def note_changes(self, note: Callable[[int], None]) -> None:
        """Call `note` after each transaction, durable but not yet acknowledged, with the newest change's number.

        It raises StorageError where the change must not be acknowledged.
        """
        self._note_durable = note

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read one consistent state, beside any writer. StorageError if the database fails."""
        with self._named_failures(), self._reader.connect() as connection:
            yield connection

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction on the one thread that writes; once begun it is not cancelled."""
        return await asyncio.get_running_loop().run_in_executor(self._write_thread, self._run_now, work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work`, which only reads, on a thread that no write keeps waiting."""
        return await asyncio.get_running_loop().run_in_executor(self._read_thread, self._read_now, work)

    async def empty_log(self) -> bool:
        """Empty the write-ahead log, so that what was deleted is in no file; False if a reader is in the way."""
        return await asyncio.get_running_loop().run_in_executor(self._write_thread, self._empty_log_now)

    def close(self) -> None:
        """Wait for what runs in the threads and close all connections."""
        self._write_thread.shutdown()
        self._read_thread.shutdown()
        self._reader.dispose()

    def _run_now(self, work: Callable[[Connection], T]) -> T:
        with self.transaction() as connection:
            return work(connection)

    def _empty_log_now(self) -> bool:
        # Not in a transaction, in which SQLite does not do this.
        with closing(self._reader.raw_connection()) as connection:
            cursor = connection.cursor()
            try:
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                row = cursor.fetchone()
            except sqlite3.Error as error:
                raise StorageError(f"the log of the storage {self.location} cannot be emptied: {error}") from error
        return row is not None and row[0] == 0

    def _read_now(self, work: Callable[[Connection], T]) -> T:
        with self.reading() as connection:
            return work(connection)

    @contextmanager
    def _named_failures(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise StorageError(f"the storage {self.location} failed: {error.orig}") from error


def open_storage(url: str, side: Side) -> Storage:
    """Open the database of one side, created (mode 0600) or migrated if need be.

    `url` is `sqlite:////absolute/path` or `sqlite:///relative/path`. OperatorError, with nothing changed, if it names
    another kind of database, an unwritable place, a file that is no database, the other side's, or a newer hyok's.
    """
    path = _path_of(url)
    create_database_file(path)
    engine = _create_engine(path)
    try:
        _prepare(engine, side, location=str(path))
    except BaseException:
        engine.dispose()
        raise
    return Storage(engine, side, location=str(path))


def _path_of(url: str) -> Path:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise OperatorError(
            f"the storage URL ({len(url)} characters) cannot be read; write sqlite:////absolute/path/hyok.db"
        ) from error
    if parsed.drivername != "sqlite":
        raise OperatorError(
            f"a storage of kind {parsed.drivername!r} is not supported; write sqlite:////absolute/path/hyok.db"
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
    event.listen(engine, "begin", _begin)
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


def _begin(connection: Connection) -> None:
    # The driver's own BEGIN comes too late (before the first write), where two readers that turn writers deadlock.
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


def _prepare(engine: Engine, side: Side, *, location: str) -> None:
    try:
        # 1. Only look: another program's file, or the other side's, stays as it is.
        with engine.connect() as connection:
            current = is_current(connection, side, location=location)
        # 2. No change to a file that has its log; a restored backup may not.
        _turn_on_write_ahead_log(engine, location=location)
        # 3. Look again under the write lock: another process may have migrated meanwhile.
        if not current:
            with engine.execution_options(begin="BEGIN IMMEDIATE").begin() as connection:
                if not is_current(connection, side, location=location):
                    migrate(connection, side)
    except DBAPIError as error:
        raise OperatorError(
            f"the storage {location} cannot be used: {error.orig}; name hyok's database file, or one that does not "
            "exist yet"
        ) from error


def _turn_on_write_ahead_log(engine: Engine, *, location: str) -> None:
    connection = engine.raw_connection()  # not a transaction, in which SQLite does not change this
    try:
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        row = cursor.fetchone()
        cursor.close()
    finally:
        connection.close()
    if row is None or row[0] != "wal":
        raise OperatorError(
            f"the storage {location} cannot keep a write-ahead log (SQLite answers {row!r}); name a place on a local "
            "file system"
        )
