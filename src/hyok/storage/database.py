"""What the storage asks of a database of either kind, and how one fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError

_BEGIN = "begin"


class Database(NamedTuple):
    """One database, reachable but not looked into yet."""

    engine: Engine
    location: str
    """Where it is, for messages; never with a password."""
    begin_writing: str
    """The statement a writing transaction starts with. It waits until no other writes."""
    prepare: Callable[[], None]
    """Bring about what hyok needs of the database once it is known to be hyok's. OperatorError."""
    erase_traces: Callable[[], bool]
    """Leave nothing deleted in any file, as far as that can be had; False if it has to be tried again. StorageError."""

    @property
    def writer(self) -> Engine:
        """The engine whose transactions write."""
        return self.engine.execution_options(**{_BEGIN: self.begin_writing})


def begin_with(engine: Engine, reading: str) -> None:
    """Let each transaction of an engine start with a statement: `reading`, or that of the writer."""

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, reading))

    event.listen(engine, _BEGIN, begin)


def reason_of(error: DBAPIError) -> str:
    """Return what the database says, on one line, without the values of the row it says it of.

    PostgreSQL puts those into the detail of its message.
    """
    primary: str | None = getattr(getattr(error.orig, "diag", None), "message_primary", None)
    return " ".join((primary or str(error.orig)).split())
