"""TLS and HTTP attacked with a generated corpus over real sockets: no crash, no 500, nothing leaks.

Most of it is signed and gets far; the rest breaks the framing of HTTP or of TLS and costs a connection each.
"""

from __future__ import annotations

import json
import random
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.machine import free_port
from tests.integration.attack import vitals
from tests.integration.attack.knocks import Knocker, statuses_of
from tests.integration.attack.noise import TlsNoise, http_noise, records
from tests.integration.attack.pipeline import Answer, Pipeline
from tests.integration.bad_input.generators import Request, XksRequests
from tests.integration.bad_input.test_generated_requests import is_whole
from tests.integration.limits.cases import BODY_BYTES, HEAD_BYTES
from tests.integration.spec.running import RunningProxy, running_proxy
from tests.sizes import size

MESSAGES = size(usual=50_000, nightly=1_000_000)
WARM_UP = 5_000
"""Messages before the first look at the memory: caches fill, the allocator takes what it will keep."""
MOST_MORE_FILES = 6
"""A storage opens another connection now and then, up to its pool's size."""
SETTLING_SECONDS = 15
AT_ONCE, PIPELINES = 25, 3
MOST_GROWTH_MEBIBYTES = 12.0
"""Far below a leak of one connection's or one request's memory, times the messages."""
EXPECTED = frozenset((200, 400, 401, 403, 404, 405, 429, 501))
EXPECTED_OF_PROBES = frozenset((200, 400, 404, 413, 431))


class Attack:
    """All ways into one proxy."""

    def __init__(self, proxy: RunningProxy, plain_port: int, seed: str) -> None:
        self._source = source = random.Random(seed)
        tls = proxy.trust()
        self._pipelines = [Pipeline(proxy.port, tls, self._check) for _ in range(PIPELINES)]
        self._api = Knocker(proxy.port, tls)
        self._probes = Knocker(plain_port, None)
        self._tls_noise = TlsNoise()
        self._requests = XksRequests(
            access_key_id=proxy.credential.access_key_id,
            secret=proxy.credential.secret_access_key,
            uri_path=proxy.uri_path,
            key_id=proxy.key_id,
            host="localhost",
            now=time.time,
        ).generate(source)
        self.sent: Counter[str] = Counter()
        self.answers: Counter[int] = Counter()

    def run(self, messages: int) -> None:
        """Send so many more."""
        wanted = self.sent.total() + messages
        while self.sent.total() < wanted:
            for pipeline in self._pipelines:
                pipeline.send(self._batch())
            self._knock()
        for pipeline in self._pipelines:
            pipeline.finish()

    def close(self) -> None:
        """End all connections."""
        for pipeline in self._pipelines:
            pipeline.close()

    def _batch(self) -> list[Request]:
        batch: list[Request] = []
        while len(batch) < AT_ONCE:
            request = next(self._requests)
            if is_pipelinable(request.raw):
                batch.append(request)
            else:
                self._count("API request on its own", self._api.knock(request.raw), EXPECTED, request.raw)
        self.sent["API request among others"] += len(batch)
        return batch

    def _knock(self) -> None:
        source = self._source
        for _ in range(5):
            data = self._tls_noise.generate(source)
            self._count("no TLS", statuses_of(self._api.knock_below_tls(data)), frozenset(), data)
        for _ in range(3):
            data = http_noise(source)
            self._count("no HTTP over TLS", self._api.knock(data), EXPECTED, data)
        for _ in range(6):
            data = http_noise(source)
            self._count("no HTTP", self._probes.knock(data), EXPECTED_OF_PROBES, data)
        data = records(source)
        self._count("no TLS after the handshake", statuses_of(self._api.break_in(data)), frozenset(), data)

    def _count(self, kind: str, statuses: list[int], expected: frozenset[int], data: bytes) -> None:
        self.sent[kind] += 1
        self.answers.update(statuses)
        assert expected.issuperset(statuses), f"{statuses} to {data[:3000]!r}"

    def _check(self, request: Request, answer: Answer) -> None:
        self.answers[answer.status] += 1
        assert answer.status in EXPECTED, f"{answer} to {request.raw[:3000]!r}"
        if answer.status >= 400 and answer.body:
            assert "errorName" in json.loads(answer.body)


def vitals_at_rest(proxy: RunningProxy, before: vitals.Vitals) -> vitals.Vitals:
    """Look at the proxy once it has let go of all connections, or has had the time for it."""
    until = time.monotonic() + SETTLING_SECONDS
    while (now := vitals.take(proxy.process.pid)).files["socket"] > before.files["socket"] and time.monotonic() < until:
        time.sleep(0.1)
    return now


def is_pipelinable(raw: bytes) -> bool:
    """Tell whether a request ends where the next one begins, as far as its head can be understood."""
    lowered = raw.partition(b"\r\n\r\n")[0].lower()
    return is_whole(raw) and b"transfer-encoding" not in lowered and b"expect:" not in lowered


@pytest.fixture
def plain_port() -> int:
    return free_port()


@pytest.fixture
def proxy(tmp_path: Path, plain_port: int) -> Iterator[RunningProxy]:
    settings = {
        "HYOK__PROXY__HEALTH_LISTEN": f"127.0.0.1:{plain_port}",
        "HYOK__PROXY__LIMITS__HEAD_BYTES": str(HEAD_BYTES),
        "HYOK__PROXY__LIMITS__BODY_BYTES": str(BODY_BYTES),
    }
    with running_proxy(tmp_path / "holder", settings) as running:
        yield running
    shutil.rmtree(tmp_path / "holder/audit")


def test_nothing_that_is_sent_crashes_it_or_leaks(proxy: RunningProxy, plain_port: int) -> None:
    attack = Attack(proxy, plain_port, "attack")
    attack.run(WARM_UP)
    attack.close()
    before = vitals.take(proxy.process.pid)

    attack.run(MESSAGES - WARM_UP)
    attack.close()

    after = vitals_at_rest(proxy, before)
    assert after.pids == before.pids
    assert (after.files - before.files).total() <= MOST_MORE_FILES, after.files - before.files
    assert after.resident_mebibytes - before.resident_mebibytes < MOST_GROWTH_MEBIBYTES
    assert attack.sent.total() >= MESSAGES
    # It got far, and met every kind of refusal.
    assert attack.answers[200] > MESSAGES / 50
    assert {400, 401, 404, 405, 501} <= attack.answers.keys()
    assert "failed inside" not in proxy.log()
    assert "Traceback" not in proxy.log()
    with proxy.connect() as client:
        assert client.encrypt(proxy.key_id).status == 200
