"""Two proxies on one storage, as on two machines, and a load on both that remembers when each request was answered."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.machine import free_port
from hyok.clock import NO_DEADLINE, SystemClock
from hyok.errors import HyokError
from hyok.secret import Secret
from hyok.transport.client import HttpClientPool
from hyok.transport.pem import PemSource
from hyok.transport.sockets import Address
from hyok.transport.tls import client_context
from hyok.xks.messages import EncryptRequest, RequestMetadata
from hyok.xks_client import XksProxyClient, XksRefused
from tests.e2e.processes import HOST, HYOK, await_port, served

TICK_SECONDS: Final = 0.01
PRINCIPAL: Final = "arn:aws:iam::123456789012:user/A"
REQUEST: Final = EncryptRequest(
    RequestMetadata("Encrypt", "4112f4d6-db54-4af4-ae30-c55a22a8dfae", PRINCIPAL, "arn:aws:kms:x"),
    bytes(48),
    "AES_GCM",
    bytes(80),
    "SHA_256",
)


class Proxies(NamedTuple):
    """Two parents with two workers each."""

    directory: Path
    uri_path: str
    key_id: str
    access_key_id: str
    secret: Secret
    ports: tuple[int, int]
    processes: tuple[subprocess.Popen[bytes], subprocess.Popen[bytes]]

    def hyok(self, *arguments: str) -> Any:
        """Run a command and return what it prints as JSON."""
        command: list[str | Path] = [HYOK, "--config", self.directory / "hyok.toml", *arguments, "--output", "json"]
        finished = subprocess.run(command, capture_output=True, text=True)
        assert finished.returncode == 0, finished.stderr
        return json.loads(finished.stdout)

    def workers(self, number: int) -> list[int]:
        """Return the process ids of one proxy's workers."""
        pid = self.processes[number].pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def client(self, number: int) -> tuple[HttpClientPool, XksProxyClient]:
        """Return what speaks to one proxy as AWS KMS does."""
        authority = PemSource("authority", Secret((self.directory / "tls/ca.pem").read_bytes()))
        tls = client_context(authority).context
        pool = HttpClientPool(Address("127.0.0.1", self.ports[number]), server_name=HOST, tls=tls)
        client = XksProxyClient(
            pool,
            host=HOST,
            uri_path=self.uri_path,
            region="eu-central-1",
            access_key_id=self.access_key_id,
            secret=self.secret,
            clock=SystemClock(),
            exchange_seconds=5,  # what is asked is what was answered, not how fast the machine is
        )
        return pool, client


@contextmanager
def two_proxies(directory: Path, *, more: str = "") -> Iterator[Proxies]:
    """Run them for the length of the block; `more` is added to their configuration."""
    first, second = directory / "first", directory / "second"
    command: list[str | Path] = [HYOK, "init", first, "--output", "json"]
    start = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    file = first / "hyok.toml"
    ports = free_port(), free_port()
    text = file.read_text().replace('"127.0.0.1:8443"', f'"127.0.0.1:{ports[0]}"\nworkers = 2\n') + more
    file.write_text(text)
    second.mkdir()
    elsewhere = text.replace(str(ports[0]), str(ports[1])).replace("file:", f"file:{first}/")
    (second / "hyok.toml").write_text(elsewhere.replace("sqlite:///hyok.db", f"sqlite:///{first}/hyok.db"))
    with served("proxy", first, ports[0]) as one, served("proxy", second, ports[1]) as other:
        await_port(ports[1], other)
        _await_workers(directory / "proxy.log", proxies=2)
        yield Proxies(
            first,
            start["keystore"]["uri_path"],
            start["external_key_id"],
            start["credential"]["access_key_id"],
            Secret(start["credential"]["secret_access_key"].encode()),
            ports,
            (one, other),
        )


def _await_workers(log: Path, *, proxies: int) -> None:
    """Wait until all workers serve, which each parent says: the ports are open earlier."""
    for _ in range(400):
        if log.read_text().count("proxy serves on") == proxies:
            return
        time.sleep(0.05)
    raise AssertionError("the workers do not serve")


class Answered(NamedTuple):
    """One request, and what became of it. Times are of `time.monotonic`."""

    sent_at: float
    answered_at: float
    outcome: str
    """`ok`, or the error."""


class Load:
    """Requests to both proxies in turn, at a fixed rate, whether earlier ones were answered or not."""

    def __init__(self, proxies: Proxies, *, per_second: int) -> None:
        self._targets = [proxies.client(number) for number in (0, 1)]
        self._key_id = proxies.key_id
        self._per_second = per_second
        self._under_way: set[asyncio.Task[None]] = set()
        self.sent = 0
        self.answers: list[Answered] = []

    async def keep_up(self) -> None:
        """Send until cancelled."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            while self.sent < (loop.time() - began) * self._per_second:
                task = loop.create_task(self._send(self._targets[self.sent % 2][1]))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
                self.sent += 1
            await asyncio.sleep(TICK_SECONDS)

    async def finish(self) -> None:
        """Wait for the last answers."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=20)
        for pool, _ in self._targets:
            await pool.aclose()

    async def _send(self, client: XksProxyClient) -> None:
        sent_at = time.monotonic()
        try:
            await client.encrypt(self._key_id, REQUEST, NO_DEADLINE)
            outcome = "ok"
        except XksRefused as error:
            outcome = error.name.value
        except HyokError as error:
            outcome = f"{type(error).__name__}: {error}"
        self.answers.append(Answered(sent_at, time.monotonic(), outcome))
