"""Requests that flow on and on over kept connections, and what did not go well with them."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.integration.bad_input.client import DroppedConnectionError, RawClient

PAUSE_SECONDS = 0.002


class Load:
    """What became of the requests."""

    def __init__(self) -> None:
        self.is_over = threading.Event()
        self.answered = 0
        self.failures: list[str] = []
        self._lock = threading.Lock()

    def send(self, client: RawClient, request: bytes) -> None:
        """Send one request again and again over one connection; whatever is not 200 on it is a failure."""
        while not self.is_over.is_set():
            failure = self._try(client, request)
            with self._lock:
                self.answered += 1
                if failure:
                    self.failures.append(failure)
            time.sleep(PAUSE_SECONDS)
        client.close()

    def _try(self, client: RawClient, request: bytes) -> str:
        try:
            answer = client.exchange(request)
        except (DroppedConnectionError, OSError) as error:
            return f"no answer: {error!r}"
        if answer.status != 200:
            return f"{answer.status} {answer.body!r}"
        return "the connection was closed" if answer.closes else ""


@contextmanager
def flowing(port: int, tls: ssl.SSLContext, request: bytes, *, connections: int = 2) -> Iterator[Load]:
    """Send a request, signed beforehand, over some connections for the length of the block."""
    load = Load()
    threads = [
        threading.Thread(target=load.send, args=(RawClient(port, tls=tls, server_name="localhost"), request))
        for _ in range(connections)
    ]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        load.is_over.set()
        for thread in threads:
            thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
