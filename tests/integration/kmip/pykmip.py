"""PyKMIP's server in a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import trustme

from hyok.keymanagers.kmip.setup import KmipSetup
from hyok.keymanagers.kmip.vocabulary import KMIP_1_4, ProtocolVersion
from hyok.secret import Secret
from hyok.transport.pem import PemSource
from hyok.transport.sockets import Address
from hyok.transport.tls import KeyPair, client_context
from tests.integration.kmip.another_tool import AnotherTool

ROOT: Final = Path(__file__).parents[3]
_STARTING_SECONDS = 20
NAME: Final = "kmip.test"


class PyKmipServer:
    """A server that can be killed and started again with the same keys, on the same port."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.authority = trustme.CA()
        self._write("ca.pem", self.authority.cert_pem)
        for name, certificate in (
            ("server", self.authority.issue_cert(NAME, "127.0.0.1")),
            ("client", self.authority.issue_cert(common_name="hyok")),
        ):
            self._write(f"{name}.key", certificate.private_key_pem)
            self._write(f"{name}.pem", certificate.cert_chain_pems[0])
        # Without one of its own, PyKMIP's client reads the user's.
        (directory / "client.conf").touch()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = Address(*free.getsockname())
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it, and return when it takes connections."""
        with (self.directory / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-Wignore",  # PyKMIP offers ciphers that its cryptography library calls obsolete
                    "-m",
                    "tests.integration.kmip.pykmip_program",
                    str(self.directory),
                    str(self.address.port),
                ],
                cwd=ROOT,
                stdout=output,
                stderr=output,
                start_new_session=True,  # it has children
            )
        deadline = time.monotonic() + _STARTING_SECONDS
        while True:
            try:
                socket.create_connection(self.address, timeout=1).close()
                return
            except OSError:
                assert self._process.poll() is None, (self.directory / "output").read_text()
                assert time.monotonic() < deadline, "PyKMIP's server does not start"
                time.sleep(0.05)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Let it stand still, with all its connections."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def setup(self, version: ProtocolVersion = KMIP_1_4, **changes: object) -> KmipSetup:
        """What a key manager for this server is made of."""
        tls = client_context(self.pem("ca.pem"), self.client_key_pair(), application_protocol=None)
        return KmipSetup(self.address, NAME, tls, versions=(version,))._replace(**changes)  # type: ignore[arg-type]  # fields of it

    def pem(self, name: str) -> PemSource:
        return PemSource(name, Secret((self.directory / name).read_bytes()))

    def client_key_pair(self) -> KeyPair:
        return KeyPair(self.pem("client.pem"), self.pem("client.key"))

    def another_tool(self) -> AnotherTool:
        """Another program with the same rights at the server."""
        return AnotherTool(self.address, self.directory)

    def objects_named(self, name: str) -> list[str]:
        """Return the identifiers of a name's objects, the oldest first."""
        with self._database() as database:
            # PyKMIP leaves the names of destroyed objects in their table.
            query = (
                "SELECT uid FROM managed_objects JOIN managed_object_names ON mo_uid = uid WHERE name = ? ORDER BY uid"
            )
            return [str(uid) for uid in sorted(uid for (uid,) in database.execute(query, (name,)))]

    def set_initial_date(self, object_id: str, seconds: int) -> None:
        """Turn back the clock under which an object was made."""
        with self._database() as database:
            database.execute("UPDATE managed_objects SET initial_date = ? WHERE uid = ?", (seconds, object_id))

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, number)

    def forget_all_keys(self) -> None:
        """Empty the database: PyKMIP looks at every object there is, each time it is asked for one."""
        with self._database() as database:
            names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
            for (name,) in names.fetchall():
                database.execute(f"DELETE FROM {name}")  # noqa: S608  # its own tables

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        database = sqlite3.connect(self.directory / "keys.db", timeout=10)
        try:
            with database:
                yield database
        finally:
            database.close()

    def _write(self, name: str, content: trustme.Blob) -> None:
        content.write_to_path(str(self.directory / name))
