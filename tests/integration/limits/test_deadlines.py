"""Clients that are slow at each stage, over real sockets: what they hold up ends when `[proxy.limits]` says so."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest

from tests.integration.limits.exchanges import Heard, connect, exchange
from tests.integration.spec.running import running_proxy

HANDSHAKE_SECONDS, HEAD_SECONDS, MESSAGE_SECONDS, IDLE_SECONDS = 0.8, 1.0, 1.6, 1.3
TOLERANCE_SECONDS = 3.0
"""The server looks around about every 0.2 s, a refused client has 2 s to close, and the machine may be busy."""
PAUSE_SECONDS = 0.05
PING = b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n"
ENDLESS_HEAD = b"GET /ping HTTP/1.1\r\nHost: localhost\r\n" + b"X-Drip: a\r\n" * 100
ENDLESS_BODY = b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n" + b"a" * 1000
ENDLESS_CHUNKS = b"POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 200


class Slow(NamedTuple):
    """What a client does, how it is told, and after how many seconds at the earliest."""

    pieces: list[bytes]
    statuses: list[int]
    seconds: float
    is_below_tls: bool = False


def drip(data: bytes, *, at_once: int) -> list[bytes]:
    """Cut what is to be sent: some at once, then byte by byte."""
    return [data[:at_once], *(data[index : index + 1] for index in range(at_once, len(data)))]


def client_hello() -> bytes:
    """Return what a client of TLS sends first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


SLOW = {
    "says nothing": Slow([], [], HANDSHAKE_SECONDS, is_below_tls=True),
    "stops in the handshake": Slow([client_hello()[:50]], [], HANDSHAKE_SECONDS, is_below_tls=True),
    "drips its handshake": Slow(drip(client_hello(), at_once=0), [], HANDSHAKE_SECONDS, is_below_tls=True),
    "is idle from the start": Slow([], [], IDLE_SECONDS),
    "is idle after an answer": Slow([PING], [200], IDLE_SECONDS),
    "stops in a head": Slow([PING[:20]], [400], HEAD_SECONDS),
    "drips a head": Slow(drip(ENDLESS_HEAD, at_once=1), [400], HEAD_SECONDS),
    "drips a second head": Slow([PING + PING[:20]], [200, 400], HEAD_SECONDS),
    "stops in a body": Slow([ENDLESS_BODY[:80]], [400], MESSAGE_SECONDS),
    "drips a body": Slow(drip(ENDLESS_BODY, at_once=70), [400], MESSAGE_SECONDS),
    "drips chunks": Slow(drip(ENDLESS_CHUNKS, at_once=80), [400], MESSAGE_SECONDS),
}


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Heard]]:
    settings = {
        "HYOK__PROXY__WORKERS": "1",
        "HYOK__PROXY__LIMITS__HANDSHAKE_SECONDS": str(HANDSHAKE_SECONDS),
        "HYOK__PROXY__LIMITS__HEAD_SECONDS": str(HEAD_SECONDS),
        "HYOK__PROXY__LIMITS__MESSAGE_SECONDS": str(MESSAGE_SECONDS),
        "HYOK__PROXY__LIMITS__IDLE_SECONDS": str(IDLE_SECONDS),
    }
    with (
        running_proxy(tmp_path_factory.mktemp("deadlines") / "holder", settings) as proxy,
        ThreadPoolExecutor(len(SLOW)) as threads,
    ):

        def be_slow(slow: Slow) -> Heard:
            connection = connect(proxy.port, None if slow.is_below_tls else proxy.trust())
            return exchange(connection, slow.pieces, pause_seconds=0 if len(slow.pieces) <= 1 else PAUSE_SECONDS)

        yield dict(zip(SLOW, threads.map(be_slow, SLOW.values()), strict=True))


@pytest.mark.parametrize("what", SLOW)
def test_a_client_that_is_slow_is_told_and_its_connection_closed_in_time(heard: dict[str, Heard], what: str) -> None:
    slow, came = SLOW[what], heard[what]
    assert came.statuses == slow.statuses, came.data
    assert slow.seconds - 0.2 < came.seconds < slow.seconds + TOLERANCE_SECONDS
    if slow.statuses[-1:] == [400]:
        assert b"the request did not arrive in time" in came.data
