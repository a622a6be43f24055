"""A storage in a PostgreSQL database, for several machines.

- Writers take turns as they do on SQLite: each transaction that writes first takes one advisory lock, and then reads
  what is committed (READ COMMITTED). PostgreSQL makes a commit visible before it releases the transaction's locks, so
  the next writer sees all that the last one wrote, and nothing has to be tried again, as SERIALIZABLE would ask for.
- So the change log has no gaps that fill later: positions are given out under that lock, and a reader who sees one sees
  all before it. Without the lock, number 8 could be committed while 7 is not, and a follower would never look back.
- Readers see one consistent state and wait for nobody (REPEATABLE READ, READ ONLY).
- Only a server that takes writes will do: a standby would show a state of the past.

libpq reads the URL, so all that its documentation names may stand there, several hosts included.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from hyok.errors import OperatorError
from hyok.secret import Secret
from hyok.storage.database import Database, begin_with, reason_of

if TYPE_CHECKING:
    import psycopg

_TURN_OF_WRITERS: Final = "SELECT pg_advisory_xact_lock(1752788843)"
"""The number is `hyok` in ASCII. Advisory locks are a database's own, and a database is one side's own."""

_SNAPSHOT: Final = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"

_SESSION: Final = (
    "SET default_transaction_isolation = 'read committed'",
    "SET default_transaction_read_only = off",
    "SET lock_timeout = '5s'",  # as long as a writer waits on SQLite
    "SET idle_in_transaction_session_timeout = '60s'",  # a process that hangs does not keep the others from writing
    # Durable when it returns, and more than that where the administrator asks for more.
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
)

_DEFAULTS: Final[Mapping[str, str]] = {
    "application_name": "hyok",
    "client_encoding": "UTF8",
    "connect_timeout": "5",
    "target_session_attrs": "read-write",
    "tcp_user_timeout": "10000",  # a server that has gone without a word is noticed within these milliseconds
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
}
"""Connection parameters of libpq that the URL may name otherwise."""


def open_server(url: str, password: Secret | None) -> Database:
    """Reach a PostgreSQL database, which must exist. OperatorError if the URL is none, or the driver is not there."""
    parameters = _parameters_of(url)
    location = _location_of(parameters)
    engine = create_engine(
        "postgresql+psycopg://",
        creator=_connector(parameters, password),
        hide_parameters=True,  # an error's text must not carry a row's values
        pool_pre_ping=True,  # the server may have been restarted since a connection was used
    )
    event.listen(engine, "connect", _configure_session)
    begin_with(engine, _SNAPSHOT)
    _require_unicode(engine, location)
    return Database(
        engine,
        location,
        begin_writing=_TURN_OF_WRITERS,
        prepare=_nothing_to_prepare,
        erase_traces=_erased_by_the_server,
    )


def _parameters_of(url: str) -> dict[str, str]:
    try:
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict
    except ImportError as error:
        raise OperatorError(
            "a storage in PostgreSQL needs psycopg, which is not installed; run pip install 'hyok[postgresql]'"
        ) from error
    try:
        given = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    except ProgrammingError as error:
        raise OperatorError(
            f"the storage URL ({len(url)} characters) is none that PostgreSQL's library reads; write "
            "postgresql://user@host/database?sslmode=verify-full"
        ) from error
    if "password" in given:
        raise OperatorError("the storage URL holds a password; put it into a file and name that in storage.password")
    if not given.get("dbname"):
        raise OperatorError("the storage URL names no database; write postgresql://user@host/database")
    # An address that is not this machine's own is one to be verified, unless the URL says otherwise.
    secure = {} if _is_here(given) else {"sslmode": "verify-full"}
    return {**_DEFAULTS, **secure, **given}


def _connector(parameters: Mapping[str, str], password: Secret | None) -> Callable[[], psycopg.Connection[Any]]:
    import psycopg

    def connect() -> psycopg.Connection[Any]:
        secret: dict[str, str] = {} if password is None else {"password": password.reveal().decode().rstrip("\r\n")}
        connection: psycopg.Connection[Any] = psycopg.connect(
            autocommit=False,
            prepare_threshold=None,  # statements prepared in a session get lost behind a connection pooler
            **parameters,  # type: ignore[arg-type]  # libpq's parameters, all of them texts
            **secret,  # type: ignore[arg-type]  # the same
        )
        return connection

    return connect


def _configure_session(connection: psycopg.Connection[Any], _record: object) -> None:
    for statement in _SESSION:
        connection.execute(statement)
    connection.commit()


def _require_unicode(engine: Engine, location: str) -> None:
    try:
        with engine.connect() as connection:
            encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
    except DBAPIError as error:
        engine.dispose()
        raise OperatorError(
            f"the storage {location} cannot be used: {reason_of(error)}; see that the server runs, that it is no "
            "standby, and that its pg_hba.conf lets this user in"
        ) from error
    if encoding != "UTF8":
        engine.dispose()
        raise OperatorError(
            f"the storage {location} has the encoding {encoding}, which cannot hold every text; make the database with "
            "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
        )


def _location_of(parameters: Mapping[str, str]) -> str:
    user = f"{parameters['user']}@" if "user" in parameters else ""
    port = f":{parameters['port']}" if "port" in parameters else ""
    return f"postgresql://{user}{parameters.get('host', '')}{port}/{parameters['dbname']}"


def _is_here(parameters: Mapping[str, str]) -> bool:
    """Tell whether every server named is this machine's own: reached by a socket, or by a loopback address."""
    hosts = (parameters.get("hostaddr") or parameters.get("host") or "").split(",")
    return all(host in ("", "localhost") or host.startswith(("/", "@")) or _is_loopback(host) for host in hosts)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _nothing_to_prepare() -> None:
    """Everything hyok needs is set for each session."""


def _erased_by_the_server() -> bool:
    """What PostgreSQL keeps of deleted rows, its pages, log and replicas, is nothing that a client can erase.

    docs/operating.md says what follows from that.
    """
    return True
