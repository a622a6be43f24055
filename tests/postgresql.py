"""A real PostgreSQL server for tests: an ordinary process under an unprivileged user, gone with the tests."""

from __future__ import annotations

import glob
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg

from benchmarks.machine import free_port
from hyok.storage.engine import open_storage
from hyok.storage.schema import Side

_SETTINGS = ("fsync=off", "full_page_writes=off", "synchronous_commit=on", "autovacuum=off", "shared_buffers=16MB")


class PostgresqlServer:
    """A server in a directory of its own, at a port of 127.0.0.1 and at a socket."""

    def __init__(self, directory: Path, *, settings: Sequence[str] = ()) -> None:
        self._programs = _programs()
        self._user = _unprivileged()
        self.directory = directory
        self.port = free_port()
        self._settings = [*_SETTINGS, f"unix_socket_directories={directory}", "listen_addresses=127.0.0.1", *settings]
        self._process: subprocess.Popen[bytes] | None = None
        if self._user is not None:
            shutil.chown(directory, self._user, self._user)
        self._run(
            "initdb", "-D", str(self.cluster), "-U", "hyok", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"
        )

    @property
    def cluster(self) -> Path:
        return self.directory / "cluster"

    def start(self) -> None:
        options = [word for setting in self._settings for word in ("-c", setting)]
        command = [f"{self._programs}/postgres", "-D", str(self.cluster), "-p", str(self.port), *options]
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._as_user(command), stdout=log, stderr=log, cwd="/", start_new_session=True
            )
        self._await()

    def stop(self) -> None:
        """End the server and every connection to it, at once."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(timeout=20)
            self._process = None

    def url(self, database: str, *, host: str = "127.0.0.1", **parameters: str) -> str:
        """Return the URL of a database, reached over TCP."""
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        return f"postgresql://hyok@{host}:{self.port}/{database}" + (f"?{query}" if query else "")

    def execute(self, statement: str, *, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement as the superuser."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def create_database(self, name: str, *, template: str = "template1") -> str:
        """Make a database, empty or a copy, and return its URL."""
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return self.url(name)

    def _await(self) -> None:
        for _ in range(400):
            try:
                self.execute("SELECT 1")
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        raise RuntimeError(f"PostgreSQL does not answer: {(self.directory / 'log').read_text()[-2000:]}")

    def _run(self, program: str, *arguments: str) -> None:
        command = self._as_user([f"{self._programs}/{program}", *arguments])
        done = subprocess.run(command, capture_output=True, text=True, cwd="/")
        assert done.returncode == 0, done.stdout + done.stderr

    def _as_user(self, command: list[str]) -> list[str]:
        if self._user is None:
            return command
        return ["setpriv", f"--reuid={self._user}", f"--regid={self._user}", "--clear-groups", *command]


@contextmanager
def running_postgresql(*, settings: Sequence[str] = ()) -> Iterator[PostgresqlServer]:
    """Run a server for the length of the block."""
    with tempfile.TemporaryDirectory(prefix="hyok-pg-") as directory:
        server = PostgresqlServer(Path(directory), settings=settings)
        server.start()
        try:
            yield server
        finally:
            server.stop()


class PostgresqlDatabases:
    """Storages as databases of one server; new ones have the newest schema already."""

    def __init__(self, server: PostgresqlServer) -> None:
        self._server = server
        self._made: set[str] = set()

    def url(self, file: Path, side: Side) -> str:
        name = _name_of(file)
        if name not in self._made:
            self._server.create_database(name, template=self._template(side))
            self._made.add(name)
        return self._server.url(name)

    def copy(self, file: Path, copy: Path, side: Side) -> None:
        self._server.create_database(_name_of(copy), template=_name_of(file))
        self._made.add(_name_of(copy))

    def drop_all(self) -> None:
        """Leave none behind but the templates."""
        for name in self._made - {side.value for side in Side}:
            self._server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
            self._made.discard(name)

    def _template(self, side: Side) -> str:
        if side.value not in self._made:
            open_storage(self._server.create_database(side.value), side).close()
            self._made.add(side.value)
        return side.value


def _name_of(file: Path) -> str:
    return f"db_{hashlib.sha256(str(file).encode()).hexdigest()[:24]}"


def _programs() -> str:
    """Find Debian's programs, which are not on the path."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb")) or [shutil.which("initdb") or ""]
    assert found[-1], "PostgreSQL is needed for this test and not installed (Debian: apt-get install postgresql)"
    return str(Path(os.path.realpath(found[-1])).parent)


def _unprivileged() -> str | None:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return "nobody"
