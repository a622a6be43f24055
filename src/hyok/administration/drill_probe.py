"""Use a key at a proxy all the while, as AWS KMS would, and note when the last use succeeded."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from hyok.administration.credentials import CredentialPair
from hyok.administration.drill_report import Uses
from hyok.clock import SystemClock, deadline_in
from hyok.errors import HyokError, NotDoneError
from hyok.transport.client import HttpClientPool
from hyok.transport.sockets import Address
from hyok.transport.tls import TlsSetup
from hyok.xks.messages import EncryptRequest, RequestMetadata
from hyok.xks_client import XksProxyClient

_PAUSE_SECONDS: Final = 0.02
_PATIENCE_SECONDS: Final = 10.0
_REQUEST: Final = EncryptRequest(
    RequestMetadata("Encrypt", "hyok-drill", "arn:aws:iam::000000000000:user/hyok-drill", "arn:aws:kms:drill"),
    bytes(32),
    "AES_GCM",
)


class Endpoint(NamedTuple):
    """How a proxy is reached."""

    host: str
    port: int
    tls: Callable[[], TlsSetup]


class Probe(threading.Thread):
    """Uses the test key again and again, in a thread of its own."""

    def __init__(self, endpoint: Endpoint, uri_path: str, pair: CredentialPair, key_id: str) -> None:
        super().__init__(name="hyok-drill", daemon=True)
        self._endpoint = endpoint
        self._key_id = key_id
        self._uri_path = uri_path
        self._pair = pair
        self._over = threading.Event()
        self.answers: list[tuple[float, str]] = []

    def run(self) -> None:
        """Send until it is over."""
        asyncio.run(self._send())

    def stop(self) -> None:
        """Send no more."""
        self._over.set()
        self.join()

    def report(self, frozen_at: float, thawing_at: float) -> Uses:
        """Tell what became of the requests."""
        used = [at for at, outcome in self.answers if outcome == "ok" and frozen_at <= at < thawing_at]
        seconds = max(used, default=frozen_at) - frozen_at
        counts = Counter(outcome for _, outcome in self.answers)
        return Uses(f"{self._endpoint.host}:{self._endpoint.port}", dict(counts), round(seconds, 3))

    async def _send(self) -> None:
        host = self._endpoint.host
        pool = HttpClientPool(Address(host, self._endpoint.port), server_name=host, tls=self._endpoint.tls().context)
        client = XksProxyClient(
            pool,
            host=host if self._endpoint.port == 443 else f"{host}:{self._endpoint.port}",  # HTTPS
            uri_path=self._uri_path,
            region="us-east-1",
            access_key_id=self._pair.access_key_id,
            secret=self._pair.secret_access_key,
            clock=SystemClock(),
        )
        while not self._over.is_set():
            try:
                await client.encrypt(self._key_id, _REQUEST, deadline_in(2.0))
                outcome = "ok"
            except HyokError as error:
                outcome = str(error)
            self.answers.append((time.monotonic(), outcome))
            await asyncio.sleep(_PAUSE_SECONDS)
        await pool.aclose()


@contextmanager
def probing(endpoint: Endpoint | None, uri_path: str, pair: CredentialPair, key_id: str) -> Iterator[Probe | None]:
    """Use a key for the length of the block, which begins when it was used. NotDoneError if it cannot be used.

    None if there is no endpoint at which it could be.
    """
    if endpoint is None:
        yield None
        return
    probe = Probe(endpoint, uri_path, pair, key_id)
    probe.start()
    try:
        _await_use(probe)
        yield probe
    finally:
        probe.stop()


def _await_use(probe: Probe) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while not any(outcome == "ok" for _, outcome in list(probe.answers)):
        if time.monotonic() > until or not probe.is_alive():
            last = probe.answers[-1][1] if probe.answers else "no answer"
            raise NotDoneError(f"the test key cannot be used at the endpoint, so nothing was frozen: {last}")
        time.sleep(_PAUSE_SECONDS)
