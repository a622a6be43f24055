"""Encrypt and Decrypt again and again over the wire, while a test breaks and mends what is behind the proxy."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException

from tests.integration.spec.running import RunningProxy
from tests.integration.spec.wire import Answer, WireClient
from tests.unit.proxy.stage import to_base64

PAUSE_SECONDS = 0.005
RIGHT = "right"
WRONG = "WRONG"
LOOKS = 8
"""New connections that must all be served: each leads to one worker or the other."""
KEPT = b"sealed before anything broke"


class RoundTrips:
    """What became of each request, by the phase of the test in which it began and ended."""

    def __init__(self, proxy: RunningProxy, key_id: str) -> None:
        self._proxy = proxy
        self._key_id = key_id
        self._phase = "before"
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self._outcomes: Counter[tuple[str, str]] = Counter()
        self.slowest_seconds = 0.0
        with proxy.connect() as client:
            kept = client.encrypt(key_id, KEPT)
            assert kept.status == 200, kept
            self._kept = kept.content

    def during(self, phase: str, seconds: float) -> set[str]:
        """Begin a phase, wait, and return which outcomes it had by then."""
        self.begin(phase)
        time.sleep(seconds)
        return set(self.of(phase))

    def settle(self, phase: str, *, at_most: float = 10.0) -> None:
        """Wait until half a second goes by in which all is right: a busy machine may need a while to come to that."""
        until = time.monotonic() + at_most
        while (found := self.during(phase, 0.5)) != {RIGHT}:
            assert time.monotonic() < until, f"{phase}: {found}"
            self.begin("between")
            with self._lock:
                for key in [key for key in self._outcomes if key[0] == phase and key[1] != WRONG]:
                    del self._outcomes[key]

    def begin(self, phase: str) -> None:
        """Count what begins from now on under this name."""
        with self._lock:
            self._phase = phase

    def of(self, phase: str) -> Counter[str]:
        """Return how often each outcome came in a phase."""
        with self._lock:
            return Counter({outcome: count for (of, outcome), count in self._outcomes.items() if of == phase})

    def seconds_to_recover(self, *, at_most: float) -> float:
        """Return after how long all is right again, in each worker; fails if it takes too long."""
        self.begin("mending")
        began_at = time.monotonic()
        right_in_a_row = 0
        while right_in_a_row < LOOKS:
            if time.monotonic() - began_at > at_most:
                raise AssertionError(f"not all is right {at_most} seconds after it was mended: {self.of('mending')}")
            with self._proxy.connect() as client:
                is_right = self._try(client, client.encrypt(self._key_id), b"a data key") == RIGHT
            right_in_a_row = right_in_a_row + 1 if is_right else 0
            if not is_right:
                time.sleep(0.02)
        return time.monotonic() - began_at

    def repeat(self) -> None:
        """Go on until it is over, on one connection; the work of one thread."""
        with self._proxy.connect() as client:
            number = 0
            while not self._is_over.is_set():
                number += 1
                plaintext = f"number {number} of {threading.get_ident()}".encode()
                began_in, began_at = self._phase, time.monotonic()
                try:
                    outcomes = [
                        self._try(client, client.encrypt(self._key_id, plaintext), plaintext),
                        self._compare(client.decrypt(self._key_id, self._kept), KEPT),
                    ]
                except (OSError, HTTPException) as error:
                    outcomes = [f"no answer: {error!r}"]
                    client.close()
                self._note(began_in, outcomes, time.monotonic() - began_at)
                time.sleep(PAUSE_SECONDS)

    def end(self) -> None:
        """Have the threads finish."""
        self._is_over.set()

    @property
    def was_ever_wrong(self) -> bool:
        """Tell whether anything was decrypted to something else, in any phase."""
        return any(outcome == WRONG for _, outcome in self._outcomes)

    def _try(self, client: WireClient, encrypted: Answer, plaintext: bytes) -> str:
        if encrypted.status != 200:
            return str(encrypted.content["errorName"])
        return self._compare(client.decrypt(self._key_id, encrypted.content), plaintext)

    def _compare(self, decrypted: Answer, plaintext: bytes) -> str:
        if decrypted.status != 200:
            return str(decrypted.content["errorName"])
        return RIGHT if decrypted.content == {"plaintext": to_base64(plaintext)} else WRONG

    def _note(self, began_in: str, outcomes: list[str], seconds: float) -> None:
        with self._lock:
            self.slowest_seconds = max(self.slowest_seconds, seconds)
            for outcome in outcomes:
                # What spans two phases tells of neither, unless it is never to be.
                self._outcomes[began_in if began_in == self._phase else "between", outcome] += 1


@contextmanager
def round_trips(proxy: RunningProxy, key_id: str, *, threads: int = 3) -> Iterator[RoundTrips]:
    """Keep a proxy busy for the length of the block. Whatever else happens, nothing may be decrypted wrongly."""
    load = RoundTrips(proxy, key_id)
    running = [threading.Thread(target=load.repeat) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        load.settle("before")
        yield load
    finally:
        load.end()
        for thread in running:
            thread.join(20)
    assert not load.was_ever_wrong
