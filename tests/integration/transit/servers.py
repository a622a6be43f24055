"""A server to test against: the double, or the OpenBao that HYOK_TEST_OPENBAO names; both are set up alike."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import trustme

from tests.integration.transit.double_replies import Json

OPENBAO_VARIABLE = "HYOK_TEST_OPENBAO"
_START_SECONDS = 30


class Answer(NamedTuple):
    """What a server answered to an operator."""

    status: int
    body: Any


class Server:
    """A server that runs, and the root token and unseal key to run it with."""

    def __init__(self, running: _Running, authority: trustme.CA) -> None:
        self._running = running
        self.port = running.port
        self.pid = running.process.pid
        self.authority = authority
        self.address = f"https://localhost:{self.port}"
        self.root_token = ""
        self.unseal_key = ""
        self._tls = ssl.create_default_context()
        authority.configure_trust(self._tls)

    def ask(
        self, method: str, path: str, fields: Mapping[str, Any] | None = None, *, token: str = "", namespace: str = ""
    ) -> Answer:
        """Send one request of the HTTP API and return the answer, whatever it is."""
        headers = {"X-Vault-Token": token} if token else {}
        if namespace:
            headers["X-Vault-Namespace"] = namespace
        connection = http.client.HTTPSConnection("localhost", self.port, context=self._tls, timeout=10)
        try:
            connection.request(method, path, None if fields is None else json.dumps(fields), headers)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        return Answer(answer.status, json.loads(body) if body else None)

    def do(self, method: str, path: str, fields: Mapping[str, Any] | None = None, *, namespace: str = "") -> Json:
        """Send a request as the root, which must succeed, and return its `data` (or else its `auth`)."""
        answer = self.ask(method, f"/v1/{path}", fields, token=self.root_token, namespace=namespace)
        assert answer.status < 300, f"{method} {path}: {answer}"
        found: Json = (answer.body or {}).get("data") or (answer.body or {}).get("auth") or {}
        return found

    def unseal(self) -> None:
        """Unseal, and wait until the server is active."""
        answer = self.ask("POST", "/v1/sys/unseal", {"key": self.unseal_key})
        assert answer.status == 200, answer
        _wait_until(lambda: self.ask("GET", "/v1/sys/health").status == 200)

    def seal(self) -> None:
        """Seal: the server forgets how to read its storage."""
        self.do("POST", "sys/seal", {})

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Let the server's process stand still: it takes connections, as the kernel does that, and answers nothing."""
        self._running.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._running.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Let the server be gone for good."""
        self._running.process.kill()
        self._running.process.wait()

    def initialize(self) -> None:
        """Make a root token and an unseal key of one share, and unseal."""
        answer = self.ask("POST", "/v1/sys/init", {"secret_shares": 1, "secret_threshold": 1})
        assert answer.status == 200, answer
        self.root_token, self.unseal_key = answer.body["root_token"], answer.body["keys"][0]
        self.unseal()


class _Running(NamedTuple):
    process: subprocess.Popen[Any]
    port: int


@contextmanager
def running_server(directory: Path) -> Iterator[Server]:
    """Run a server that is initialised and unsealed, until the block ends. Nothing is mounted in it."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(directory / "ca.pem")
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    (directory / "server.pem").write_bytes(b"".join(part.bytes() for part in certificate.cert_chain_pems))
    certificate.private_key_pem.write_to_path(directory / "server.key")
    openbao = os.environ.get(OPENBAO_VARIABLE)
    running = _running_double(directory) if openbao is None else _running_openbao(Path(openbao), directory)
    with running as process_at_port:
        server = Server(process_at_port, authority)
        _wait_until(lambda: server.ask("GET", "/v1/sys/health").status == 501)
        server.initialize()
        yield server


@contextmanager
def _running_double(directory: Path) -> Iterator[_Running]:
    files = {"certificate": "server.pem", "key": "server.key", "authority": "ca.pem"}
    command = [sys.executable, "-m", "tests.integration.transit.double"]
    for option, name in files.items():
        command += [f"--{option}", str(directory / name)]
    root = Path(__file__).parents[3]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) as process, _ended(process):
        assert process.stdout is not None
        yield _Running(process, int(process.stdout.readline()))


@contextmanager
def _running_openbao(program: Path, directory: Path) -> Iterator[_Running]:
    port = _free_port()
    configuration = directory / "openbao.json"
    listener = {
        "address": f"127.0.0.1:{port}",
        "tls_cert_file": str(directory / "server.pem"),
        "tls_key_file": str(directory / "server.key"),
    }
    content = {
        # All in memory: sealing does not touch it, and nothing is left behind.
        "storage": {"inmem": {}},
        "listener": [{"tcp": listener}],
        "api_addr": f"https://127.0.0.1:{port}",
        "disable_mlock": True,
        "ui": False,
    }
    configuration.write_text(json.dumps(content))
    with (directory / "openbao.log").open("wb") as log:
        command = [str(program), "server", f"-config={configuration}"]
        with subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT) as process, _ended(process):
            yield _Running(process, port)


@contextmanager
def _ended(process: subprocess.Popen[Any]) -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + _START_SECONDS
    while True:
        try:
            if is_so():
                return
        except OSError:
            pass
        if time.monotonic() > until:
            raise AssertionError(f"the server was not ready after {_START_SECONDS} seconds")
        time.sleep(0.02)
