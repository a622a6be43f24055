"""Everything that rotates is rotated under load, and no request fails: the proof that a proxy need never be stopped."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import trustme

from benchmarks.machine import free_port
from hyok.clock import NO_DEADLINE, SystemClock
from hyok.errors import HyokError
from hyok.secret import Secret
from hyok.transport.client import HttpClientPool
from hyok.transport.pem import PemSource
from hyok.transport.serving import run
from hyok.transport.sockets import Address
from hyok.transport.tls import KeyPair, client_context
from hyok.xks.messages import EncryptRequest, RequestMetadata
from hyok.xks_client import XksProxyClient
from tests.e2e.processes import HOST, HYOK, await_port, served

KMS_NAME = "cks.kms.eu-central-1.amazonaws.com"
REQUESTS_PER_SECOND = 1800
"""AWS KMS's quota for one external key store."""
TICK_SECONDS = 0.01
BETWEEN_CHANGES_SECONDS = 0.5
RELOAD_SECONDS = 1.0
"""Within which workers obey a signal or a command."""
REQUEST = EncryptRequest(
    RequestMetadata(
        "Encrypt", "4112f4d6-db54-4af4-ae30-c55a22a8dfae", "arn:aws:iam::123456789012:user/A", "arn:aws:kms:x"
    ),
    bytes(48),
    "AES_GCM",
    bytes(80),
    "SHA_256",
)


class Access(NamedTuple):
    """How a client gets in: each part of it is rotated."""

    access_key_id: str
    secret: Secret
    certificate: KeyPair


class Proxy:
    """The proxy under load, and what an operator does to it."""

    def __init__(self, directory: Path, start: dict[str, Any]) -> None:
        self.directory = directory
        self.port = free_port()
        self.uri_path: str = start["keystore"]["uri_path"]
        self.key_id: str = start["external_key_id"]
        self.first = (start["credential"]["access_key_id"], Secret(start["credential"]["secret_access_key"].encode()))
        self.server_authorities = [trustme.CA(), trustme.CA()]
        self.client_authorities = [trustme.CA(), trustme.CA()]
        self.process: subprocess.Popen[bytes] | None = None

    def configure(self) -> None:
        """Two workers, mutual TLS, the first of each certificate."""
        self.put_server_certificate(0)
        self.put_client_authorities(0)
        file = self.directory / "hyok.toml"
        listen = f'listen = "127.0.0.1:{self.port}"'
        text = file.read_text().replace('listen = "127.0.0.1:8443"', f"{listen}\nworkers = 2\n#")
        mutual = f'[proxy.client_certificates]\nauthorities = "file:clients.pem"\nsubjects = ["{KMS_NAME}"]\n\n[audit]'
        file.write_text(text.replace("\n[audit]", f"\n{mutual}"))

    def put_server_certificate(self, number: int) -> None:
        certificate = self.server_authorities[number].issue_cert(HOST)
        certificate.private_key_pem.write_to_path(str(self.directory / "tls/server.key"))
        certificate.cert_chain_pems[0].write_to_path(str(self.directory / "tls/server.pem"))

    def put_client_authorities(self, *numbers: int) -> None:
        pems = b"".join(self.client_authorities[number].cert_pem.bytes() for number in numbers)
        (self.directory / "clients.pem").write_bytes(pems)

    def client_certificate(self, number: int) -> KeyPair:
        issued = self.client_authorities[number].issue_cert(common_name=KMS_NAME)
        return KeyPair(
            PemSource("certificate", Secret(issued.cert_chain_pems[0].bytes())),
            PemSource("key", Secret(issued.private_key_pem.bytes())),
        )

    def hyok(self, *arguments: str) -> Any:
        command: list[str | Path] = [HYOK, "--config", self.directory / "hyok.toml", *arguments]
        finished = subprocess.run(command, capture_output=True, text=True)
        assert finished.returncode == 0, finished.stderr
        return json.loads(finished.stdout) if "json" in arguments else None

    def reload(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    def workers(self) -> list[int]:
        assert self.process is not None
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Load:
    """Requests at a steady rate, whoever answers them; the way in can change at any moment."""

    def __init__(self, proxy: Proxy, access: Access) -> None:
        self._proxy = proxy
        self._pools: list[HttpClientPool] = []
        self.failures: Counter[str] = Counter()
        self.answered = 0
        self._under_way: set[asyncio.Task[None]] = set()
        self._use(access)

    def enter_by(self, access: Access) -> None:
        """Send what comes next over new connections, with this access."""
        self._use(access)

    async def keep_up(self) -> None:
        """Send until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            for _ in range(int(REQUESTS_PER_SECOND * TICK_SECONDS)):
                task = loop.create_task(self._send(self._client))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
            due += TICK_SECONDS
            await asyncio.sleep(max(0.0, due - loop.time()))

    async def finish(self) -> None:
        """Wait for the last answers."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=10)
        for pool in self._pools:
            await pool.aclose()

    async def _send(self, client: XksProxyClient) -> None:
        try:
            await client.encrypt(self._proxy.key_id, REQUEST, NO_DEADLINE)
        except HyokError as error:
            self.failures[f"{type(error).__name__}: {error}"] += 1
        else:
            self.answered += 1

    def _use(self, access: Access) -> None:
        trusted = b"".join(authority.cert_pem.bytes() for authority in self._proxy.server_authorities)
        tls = client_context(PemSource("authorities", Secret(trusted)), access.certificate)
        pool = HttpClientPool(Address("127.0.0.1", self._proxy.port), server_name=HOST, tls=tls.context)
        self._pools.append(pool)
        self._client = XksProxyClient(
            pool,
            host=HOST,
            uri_path=self._proxy.uri_path,
            region="eu-central-1",
            access_key_id=access.access_key_id,
            secret=access.secret,
            clock=SystemClock(),
            exchange_seconds=5,  # what is tested is that nothing fails, not how fast the machine is
        )


@contextmanager
def proxy_under_test(tmp_path: Path) -> Iterator[Proxy]:
    directory = tmp_path / "holder"
    command: list[str | Path] = [HYOK, "init", directory, "--output", "json"]
    start = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    proxy = Proxy(directory, start)
    proxy.configure()
    with served("proxy", directory, proxy.port) as process:
        proxy.process = process
        await_port(proxy.port, process)
        yield proxy


async def rotate_everything(proxy: Proxy, load: Load, access: Access) -> None:
    """Rotate one thing after the other, as docs/operating.md has it, while the load runs."""

    async def do(step: Callable[[], object], *, wait_seconds: float = BETWEEN_CHANGES_SECONDS) -> Any:
        done = await asyncio.to_thread(step)
        await asyncio.sleep(wait_seconds)
        return done

    # 1. The credential: a second one, in use by everybody before the first is retired.
    created = await do(
        lambda: proxy.hyok("credential", "create", "main", "--output", "json"), wait_seconds=RELOAD_SECONDS
    )
    pair = created["credential"]
    access = access._replace(access_key_id=pair["access_key_id"], secret=Secret(pair["secret_access_key"].encode()))
    load.enter_by(access)
    await asyncio.sleep(BETWEEN_CHANGES_SECONDS)
    await do(lambda: proxy.hyok("credential", "retire", proxy.first[0], "--yes"))
    # 2. The server's certificate, of another authority.
    await do(lambda: proxy.put_server_certificate(1), wait_seconds=0)
    await do(proxy.reload, wait_seconds=RELOAD_SECONDS)
    load.enter_by(access)
    # 3. The clients' authority: both for a while, then the new one alone.
    await do(lambda: proxy.put_client_authorities(0, 1), wait_seconds=0)
    await do(proxy.reload, wait_seconds=RELOAD_SECONDS)
    access = access._replace(certificate=proxy.client_certificate(1))
    load.enter_by(access)
    await asyncio.sleep(BETWEEN_CHANGES_SECONDS)
    await do(lambda: proxy.put_client_authorities(1), wait_seconds=0)
    await do(proxy.reload)
    # 4. The key's version.
    await do(lambda: proxy.hyok("key", "rotate", proxy.key_id))
    # 5. The key store's settings.
    await do(lambda: proxy.hyok("keystore", "update", "main", "--region", "eu-central-1", "--yes"))
    # 6. A worker, asked to stop; another takes its place.
    before = proxy.workers()
    await do(lambda: os.kill(before[0], signal.SIGTERM), wait_seconds=2 * RELOAD_SECONDS)
    assert set(proxy.workers()) != set(before)


def test_no_request_fails_while_everything_rotates(tmp_path: Path) -> None:
    with proxy_under_test(tmp_path) as proxy:

        async def main() -> Load:
            access = Access(*proxy.first, proxy.client_certificate(0))
            load = Load(proxy, access)
            sending = asyncio.create_task(load.keep_up())
            await asyncio.sleep(BETWEEN_CHANGES_SECONDS)
            await rotate_everything(proxy, load, access)
            sending.cancel()
            await load.finish()
            return load

        load = run(main())
    assert not load.failures
    assert load.answered > 5 * REQUESTS_PER_SECOND
