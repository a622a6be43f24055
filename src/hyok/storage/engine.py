"""The storage: one database, opened, checked and migrated, and transactions on it.

A write is durable when its transaction ends, and writers take turns. SQLite and PostgreSQL: `sqlite.py`,
`postgresql.py`. Nothing here runs on the request path; on an event loop go through `run` and `read`, which keep SQL in
threads of their own. Open a storage after a fork, never before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from hyok.errors import OperatorError
from hyok.secret import Secret
from hyok.storage.changes import NotedChange, current_position, take_noted_changes
from hyok.storage.database import Database, reason_of
from hyok.storage.errors import StorageError
from hyok.storage.migration import is_current, migrate
from hyok.storage.postgresql import open_server
from hyok.storage.schema import Side
from hyok.storage.sqlite import open_file

T = TypeVar("T")

_POSTGRESQL: Final = "postgresql://"


class Storage:
    """The open database of one side. Made by `open_storage`; safe to use from several threads."""

    def __init__(self, database: Database, side: Side) -> None:
        self.side = side
        self.location = database.location
        """Where the database is, for messages."""
        self.before_commit: Callable[[Connection, Sequence[NotedChange]], None] | None = None
        """Told at a transaction's end, and as a part of it, what it changed, so that it leaves a record of that."""
        self._note_durable: Callable[[int], None] | None = None
        self._database = database
        self._reader = database.engine
        self._writer = database.writer
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

    async def erase_traces(self) -> bool:
        """Leave nothing of what was deleted in any file of an SQLite storage; False if a reader is in the way."""
        return await asyncio.get_running_loop().run_in_executor(self._write_thread, self._database.erase_traces)

    def close(self) -> None:
        """Wait for what runs in the threads and close all connections."""
        self._write_thread.shutdown()
        self._read_thread.shutdown()
        self._reader.dispose()

    def _run_now(self, work: Callable[[Connection], T]) -> T:
        with self.transaction() as connection:
            return work(connection)

    def _read_now(self, work: Callable[[Connection], T]) -> T:
        with self.reading() as connection:
            return work(connection)

    @contextmanager
    def _named_failures(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            # Not `from error`: what it says of a row may hold the row's values.
            raise StorageError(f"the storage {self.location} failed: {reason_of(error)}") from None


def open_storage(url: str, side: Side, *, password: Secret | None = None) -> Storage:
    """Open the database of one side, migrated if need be; a file is created (mode 0600), a database on a server not.

    `url` is `sqlite:////absolute/path`, `sqlite:///relative/path` or `postgresql://…` as libpq has it, without a
    password. OperatorError, with nothing changed, if it names another kind of database, an unwritable place, a file
    that is no database, a server that is out of reach, the other side's database, or a newer hyok's.
    """
    database = open_server(url, password) if url.startswith(_POSTGRESQL) else open_file(url)
    try:
        _prepare(database, side)
    except BaseException:
        database.engine.dispose()
        raise
    return Storage(database, side)


def _prepare(database: Database, side: Side) -> None:
    location = database.location
    try:
        # 1. Only look: another program's database, or the other side's, stays as it is.
        with database.engine.connect() as connection:
            current = is_current(connection, side, location=location)
        # 2. What hyok needs of its own.
        database.prepare()
        # 3. Look again while no other writes: another process may have migrated meanwhile.
        if not current:
            with database.writer.begin() as connection:
                if not is_current(connection, side, location=location):
                    migrate(connection, side)
    except DBAPIError as error:
        raise OperatorError(
            f"the storage {location} cannot be used: {reason_of(error)}; name hyok's database, or one that does not "
            "exist yet"
        ) from error
