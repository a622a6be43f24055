"""`hyok proxy serve` as a process with its workers, and a client that does not forgive."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import uvloop

from hyok.secret import Secret
from hyok.sigv4.signing import sign

HYOK = (sys.executable, "-m", "hyok")
HOST = "localhost"
PATIENCE_SECONDS = 15.0
CALL_SECONDS = 5.0
"""Longer than AWS KMS waits: on a busy machine a test is to fail for a lost request, not for a late one."""


class Start(NamedTuple):
    """A production start, as `hyok init` makes it, and how to sign for it."""

    directory: Path
    access_key_id: str
    secret: Secret
    uri_path: str
    key_id: str

    @property
    def authority(self) -> Path:
        return self.directory / "tls" / "ca.pem"

    def moved(self, directory: Path) -> Start:
        return self._replace(directory=directory)

    def configure(self, lines: str, *, section: str = "[proxy]\n") -> None:
        """Put lines into a section of its configuration."""
        file = self.directory / "hyok.toml"
        file.write_text(file.read_text().replace(section, section + lines + "\n"))

    def encrypt_request(self) -> bytes:
        """Return a signed Encrypt, as bytes for the wire."""
        body = json.dumps(
            {
                "requestMetadata": {
                    "awsPrincipalArn": "arn:aws:iam::123456789012:user/Alice",
                    "kmsOperation": "Encrypt",
                    "kmsRequestId": "4112f4d6-db54-4af4-ae30-c55a22a8dfae",
                    "kmsKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
                },
                "plaintext": "AAAA",
                "encryptionAlgorithm": "AES_GCM",
                "ciphertextDataIntegrityValueAlgorithm": "SHA_256",
            }
        ).encode()
        target = f"{self.uri_path}/keys/{self.key_id}/encrypt".encode()
        headers = [(b"host", HOST.encode()), (b"content-length", b"%d" % len(body))]
        headers += sign(
            method=b"POST",
            target=target,
            headers=headers[:1],
            body=body,
            access_key_id=self.access_key_id,
            secret=self.secret,
            region="eu-central-1",
            service="kms-xks-proxy",
            now=time.time(),
        )
        head = b"".join(b"%s: %s\r\n" % header for header in headers)
        return b"POST %s HTTP/1.1\r\n%s\r\n%s" % (target, head, body)


def make_start(directory: Path) -> Start:
    """Make one."""
    finished = subprocess.run(
        [*HYOK, "init", str(directory), "--output", "json"], capture_output=True, check=True, env=clean_environment()
    )
    made = json.loads(finished.stdout)
    return Start(
        directory,
        made["credential"]["access_key_id"],
        Secret(made["credential"]["secret_access_key"].encode()),
        made["keystore"]["uri_path"],
        made["external_key_id"],
    )


def clean_environment(**variables: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("HYOK")} | variables


class ProxyProcess:
    """The parent and its workers."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.logs: list[dict[str, Any]] = []
        self.other_lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def messages(self) -> list[str]:
        return [log["message"] for log in self.logs]

    @property
    def port(self) -> int:
        return self.port_of("proxy")

    def port_of(self, endpoint: str) -> int:
        """Return where an endpoint serves, once it does."""
        words = f"{endpoint} serves on "
        await_true(lambda: self.has_said(words) or self.process.poll() is not None)
        assert self.has_said(words), (self.messages, self.other_lines)
        return int(next(message for message in self.messages if message.startswith(words)).rpartition(":")[2])

    def has_said(self, words: str) -> bool:
        return any(words in message for message in self.messages)

    def await_message(self, words: str, *, times: int = 1) -> None:
        await_true(lambda: sum(words in message for message in self.messages) >= times, what=lambda: self.messages)

    def workers(self) -> list[int]:
        """Return the process ids of the workers there are."""
        pids: list[int] = []
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for task in Path(f"/proc/{self.process.pid}/task").iterdir():
                pids += map(int, (task / "children").read_text().split())
        return sorted(pids)

    def await_workers(self, condition: Callable[[list[int]], bool]) -> list[int]:
        await_true(lambda: condition(self.workers()), what=self.workers)
        return self.workers()

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        status = self.process.wait(timeout=PATIENCE_SECONDS)
        self._reader.join(timeout=PATIENCE_SECONDS)
        return status

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            try:
                self.logs.append(json.loads(line))
            except ValueError:
                self.other_lines.append(line.decode())


@contextmanager
def running_proxy(
    start: Start,
    *,
    environment: Mapping[str, str] | None = None,
    command: Sequence[str] = (*HYOK, "proxy", "serve"),
    pass_fds: Sequence[int] = (),
    stdout: int | None = None,
    **settings: str | int,
) -> Iterator[ProxyProcess]:
    """Run the proxy on a free port, with these settings of [proxy]; at the end it stops if it still runs."""
    variables = {"HYOK__PROXY__LISTEN": "127.0.0.1:0"}
    variables |= {f"HYOK__PROXY__{name.upper()}": str(value) for name, value in settings.items()}
    variables |= environment or {}
    with subprocess.Popen(
        command,
        cwd=start.directory,
        env=clean_environment(**variables),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        pass_fds=pass_fds,
    ) as process:
        proxy = ProxyProcess(process)
        try:
            yield proxy
        finally:
            if process.poll() is None:
                proxy.send(signal.SIGTERM)
            try:
                proxy.wait()
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def await_true(condition: Callable[[], object], *, what: Callable[[], object] = lambda: "") -> None:
    """Wait until something is so."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up_at, what()
        time.sleep(0.02)


class Load:
    """Requests in a thread of their own: kept connections, and one connection after another for a single request."""

    def __init__(self, start: Start, port: int, *, authorities: Sequence[Path] = (), kept: int = 4) -> None:
        self._request = start.encrypt_request()
        self._port = port
        self._kept = kept
        self._context = ssl.create_default_context()
        for authority in authorities or [start.authority]:
            self._context.load_verify_locations(authority)
        self.answered = 0
        self.answered_on_new = 0
        self.failures: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=lambda: uvloop.run(self._run()))

    def __enter__(self) -> Load:
        self._thread.start()
        await_true(lambda: self.answered > 20 or self.failures)
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()

    def finish(self) -> None:
        """Ask no more."""
        self._over.set()
        self._thread.join(timeout=PATIENCE_SECONDS)
        assert not self._thread.is_alive()

    def go_on(self, *, answers: int = 50) -> None:
        """Wait for so many more answers, on kept and on new connections."""
        before, before_on_new = self.answered, self.answered_on_new
        await_true(
            lambda: self.answered >= before + answers and self.answered_on_new >= before_on_new + 3,
            what=lambda: (self.answered, self.answered_on_new, self.failures),
        )

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(self._kept):
                group.create_task(self._keep_asking())
            group.create_task(self._connect_again_and_again())

    async def _keep_asking(self) -> None:
        while not self._over.is_set():
            async with self._noted("kept"):
                reader, writer = await self._connect()
                try:
                    while not self._over.is_set() and await self._ask(reader, writer):
                        self.answered += 1
                        await asyncio.sleep(0.01)
                finally:
                    writer.transport.abort()

    async def _connect_again_and_again(self) -> None:
        while not self._over.is_set():
            async with self._noted("new"):
                reader, writer = await self._connect()
                try:
                    await self._ask(reader, writer)
                    self.answered_on_new += 1
                finally:
                    writer.transport.abort()
            await asyncio.sleep(0.02)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with asyncio.timeout(CALL_SECONDS):
            return await asyncio.open_connection("127.0.0.1", self._port, ssl=self._context, server_hostname=HOST)

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Send a request and read its answer; False if the server says that it was the last one."""
        async with asyncio.timeout(CALL_SECONDS):
            writer.write(self._request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            body = await reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 200 "):
            self.failures.append(f"{head!r} {body!r}")
        return b"connection: close" not in head

    @contextlib.asynccontextmanager
    async def _noted(self, kind: str) -> AsyncIterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001  # whatever it is, it is what a client of ours would have met
            self.failures.append(f"{kind}: {error!r}")
            await asyncio.sleep(0.05)
