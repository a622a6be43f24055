"""`hyok proxy serve` as an operator runs it: processes of their own, a configuration file, TLS on a free port."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.machine import free_port
from hyok.assembly.holder import Holder, open_holder
from hyok.config.configuration import load_configuration
from tests.e2e.processes import Credential, await_port
from tests.integration.spec.wire import WireClient

HYOK = Path(sys.executable).with_name("hyok")
START_SECONDS = 30.0
ClientCertificate = tuple[Path, Path]
"""The files of a certificate and of its private key."""


class RunningProxy(NamedTuple):
    """A proxy that serves one key store, `main`, with one key; and what its operator does beside it."""

    directory: Path
    process: subprocess.Popen[bytes]
    port: int
    credential: Credential
    uri_path: str
    key_id: str
    authorities: Path
    """Of the CA that signed the server's certificate."""
    client_certificate: ClientCertificate | None
    """What clients show; None where they need none."""

    def hyok(self, *arguments: str) -> Any:
        """Run a command and return what it prints as JSON."""
        return hyok("--config", str(self.directory / "hyok.toml"), *arguments, "--output", "json")

    def hyok_says(self, *arguments: str) -> None:
        """Run a command that only tells people something."""
        subprocess.run([HYOK, "--config", self.directory / "hyok.toml", *arguments], check=True, capture_output=True)

    @contextmanager
    def holder(self) -> Iterator[Holder]:
        """Open the storage beside the running proxy, as each command does."""
        with open_holder(load_configuration(self.directory / "hyok.toml", {})) as holder:
            yield holder

    def trust(self) -> ssl.SSLContext:
        """Return a client's context that trusts the server and shows what it wants to see."""
        context = ssl.create_default_context(cafile=str(self.authorities))
        if self.client_certificate is not None:
            context.load_cert_chain(*self.client_certificate)
        return context

    @contextmanager
    def connect(self, *, credential: Credential | None = None, uri_path: str | None = None) -> Iterator[WireClient]:
        """Open a connection for the key store `main`, or for what is given."""
        tls, pair = self.trust(), credential or self.credential
        with closing(WireClient(self.port, tls, credential=pair, uri_path=uri_path or self.uri_path)) as client:
            yield client

    def log(self) -> str:
        """Return what the processes have written to their standard error."""
        return (self.directory / "proxy.log").read_text()

    def records(self) -> list[dict[str, Any]]:
        """Return the audit records of all requests, the earliest first."""
        lines = [
            line
            for file in (self.directory / "audit").glob("proxy-*/*.jsonl")
            for line in file.read_bytes().splitlines()
        ]
        records = [record for record in map(json.loads, lines) if record.get("event") == "xks_request"]
        return sorted(records, key=lambda record: str(record["time"]))


@contextmanager
def running_proxy(
    directory: Path,
    settings: Mapping[str, str] | None = None,
    *,
    authorities: Path | None = None,
    client_certificate: ClientCertificate | None = None,
    configure: Callable[[Path], None] = lambda _: None,
) -> Iterator[RunningProxy]:
    """Make a start in `directory` and serve it until the block ends; `settings` are `HYOK__…` variables.

    `authorities` is whom clients trust, unless it is the CA that `hyok init` makes. `configure` may change what was
    made, and run commands, before the proxy starts.
    """
    start = hyok("init", str(directory), "--output", "json")
    configure(directory)
    port = free_port()
    environment = {**os.environ, "HYOK__PROXY__LISTEN": f"127.0.0.1:{port}", **(settings or {})}
    with (directory / "proxy.log").open("wb") as log:
        command: list[str | Path] = [HYOK, "proxy", "serve", "--config", directory / "hyok.toml"]
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        await_port(port, process)  # the parent listens before its workers serve
        pair = Credential(start["credential"]["access_key_id"], start["credential"]["secret_access_key"])
        uri_path, key_id = start["keystore"]["uri_path"], start["external_key_id"]
        running = RunningProxy(
            directory,
            process,
            port,
            pair,
            uri_path,
            key_id,
            authorities or directory / "tls/ca.pem",
            client_certificate,
        )
        with running.connect() as client:
            client.connection.timeout = START_SECONDS
            assert client.send("GET", "/ping", b"", {}).status == 200
        yield running
    finally:
        process.terminate()
        assert process.wait(timeout=30) == 0


def hyok(*arguments: str) -> Any:
    """Run a command and return what it prints as JSON."""
    finished = subprocess.run([HYOK, *arguments], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)
