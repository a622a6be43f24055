"""A proxy process with two workers and metrics, and what asks it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import sqlite3
import ssl
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hyok.secret import Secret
from hyok.sigv4.signing import sign
from tests.integration.supervisor.rig import HOST, HYOK, ProxyProcess, Start, await_true, clean_environment, make_start

METADATA = {
    "kmsOperation": "KmsHealthCheck",
    "kmsRequestId": "4112f4d6-db54-4af4-ae30-c55a22a8dfae",
}


def make_measured_start(directory: Path) -> Start:
    """Make a production start with metrics on a free port."""
    start = make_start(directory)
    with (directory / "hyok.toml").open("a") as file:
        file.write('\n[metrics]\nlisten = "127.0.0.1:0"\n')
    return start


class Answer(NamedTuple):
    status: int
    content: Any


class Client:
    """One kept connection that signs as AWS KMS does."""

    def __init__(self, start: Start, port: int) -> None:
        self._start = start
        context = ssl.create_default_context(cafile=str(start.authority))
        self._connection = http.client.HTTPSConnection(HOST, port, timeout=10, context=context)
        self._encrypt = _split(start.encrypt_request())

    def encrypt(self) -> Answer:
        """Send an Encrypt that is always the same."""
        return self._send(*self._encrypt)

    def health(self, *, secret: Secret | None = None) -> Answer:
        """Send a GetHealthStatus."""
        body = json.dumps({"requestMetadata": METADATA}).encode()
        target = f"{self._start.uri_path}/health"
        added = sign(
            method=b"POST",
            target=target.encode(),
            headers=[(b"host", HOST.encode())],
            body=body,
            access_key_id=self._start.access_key_id,
            secret=secret or self._start.secret,
            region="eu-central-1",
            service="kms-xks-proxy",
            now=time.time(),
        )
        return self._send(target, {"host": HOST} | {name.decode(): value.decode() for name, value in added}, body)

    def close(self) -> None:
        self._connection.close()

    def _send(self, target: str, headers: dict[str, str], body: bytes) -> Answer:
        self._connection.request("POST", target, body, headers)
        response = self._connection.getresponse()
        return Answer(response.status, json.loads(response.read()))


def _split(request: bytes) -> tuple[str, dict[str, str], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    return line.split()[1], dict(field.split(": ", 1) for field in fields), body


def encrypt_on_many_connections(start: Start, port: int, *, connections: int = 16, requests: int) -> Counter[int]:
    """Ask so often on each of the connections, side by side, and return how often each status was answered."""
    clients = [Client(start, port) for _ in range(connections)]
    return Counter(status for _, status in encrypt_on_each(clients, requests=requests))


def encrypt_on_each(
    clients: Sequence[Client], *, requests: int | None = None, seconds: float = 60.0
) -> list[tuple[float, int]]:
    """Ask on all connections side by side; return when each answer came (`time.monotonic`) and its status."""
    answers: list[tuple[float, int]] = []
    until = time.monotonic() + seconds

    def ask(client: Client) -> None:
        asked = 0
        with contextlib.closing(client):
            while time.monotonic() < until and asked != requests:
                status = client.encrypt().status
                asked += 1
                answers.append((time.monotonic(), status))

    threads = [threading.Thread(target=ask, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    return answers


class Measured(NamedTuple):
    """The running proxy."""

    start: Start
    proxy: ProxyProcess

    def fetch(self, path: str = "/metrics", *, method: str = "GET") -> tuple[int, str]:
        """Ask the metrics' listener."""
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.port_of("metrics"), timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.read().decode()

    def values(self) -> dict[str, float]:
        """Return all series by name and labels."""
        lines = self.fetch()[1].splitlines()
        return {series: float(value) for series, value in (x.rsplit(" ", 1) for x in lines if not x.startswith("#"))}

    def requests(self, *, error: str = "", operation: str = "Encrypt") -> float:
        """Return how many requests there were."""
        labels = f'key_store="main",operation="{operation}",error="{error}"'
        return self.values().get(f"hyok_proxy_requests_total{{{labels}}}", 0.0)

    def settled_requests(self, **labels: str) -> float:
        """Return how many requests there were, once the last second's are told too."""
        time.sleep(1.5)
        return self.requests(**labels)

    def connect_to_both_workers(self, *, each: int) -> list[Client]:
        """Open connections, one after another, until each worker has so many."""
        workers = self.proxy.workers()
        before = {pid: _sockets(pid) for pid in workers}
        clients: list[Client] = []
        while any(_sockets(pid) < before[pid] + each for pid in workers):
            assert len(clients) < 100, {pid: _sockets(pid) - before[pid] for pid in workers}
            clients.append(Client(self.start, self.proxy.port))
            clients[-1].encrypt()
        return clients

    def use_count(self, access_key_id: str) -> int:
        """Return what the storage knows of a credential's uses."""
        (database,) = self.start.directory.rglob("*.db")
        with contextlib.closing(sqlite3.connect(database)) as connection:
            query = "SELECT use_count FROM credentials WHERE access_key_id = ?"
            return int(connection.execute(query, [access_key_id]).fetchone()[0])

    def hyok(self, *arguments: str) -> str:
        """Run a command beside the proxy."""
        finished = subprocess.run(
            [*HYOK, *arguments], cwd=self.start.directory, env=clean_environment(), capture_output=True, text=True
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stdout


def _sockets(pid: int) -> int:
    return sum(_is_socket(each) for each in Path(f"/proc/{pid}/fd").iterdir())


def _is_socket(descriptor: Path) -> bool:
    try:
        return os.readlink(descriptor).startswith("socket:")
    except FileNotFoundError:  # closed since it was listed
        return False


__all__ = ["Client", "Measured", "await_true", "encrypt_on_each", "encrypt_on_many_connections", "make_measured_start"]
