"""How many connections a worker keeps, in all and from one address, and how many requests one connection may bring."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.integration.limits.exchanges import connect
from tests.integration.spec.running import RunningProxy, running_proxy
from tests.integration.spec.wire import eventually

CONNECTIONS, PER_ADDRESS, REQUESTS = 6, 4, 5
PING = b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n"
HERE, THERE = "127.0.0.1", "127.0.0.2"


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    settings = {
        "HYOK__PROXY__WORKERS": "1",
        "HYOK__PROXY__LIMITS__CONNECTIONS": str(CONNECTIONS),
        "HYOK__PROXY__LIMITS__CONNECTIONS_PER_ADDRESS": str(PER_ADDRESS),
        "HYOK__PROXY__LIMITS__REQUESTS_PER_CONNECTION": str(REQUESTS),
    }
    with running_proxy(tmp_path_factory.mktemp("counts") / "holder", settings) as running:
        yield running


def answer_to_ping(connection: socket.socket) -> bytes:
    """Return what comes of a ping; nothing if the connection is cut."""
    try:
        connection.sendall(PING)
        heard = b""
        while not heard.endswith(b"pong\n"):
            piece = connection.recv(4096)
            if not piece:
                return b""
            heard += piece
    except OSError:
        return b""
    return heard


def test_connections_above_the_limits_are_cut_and_the_others_served_on(proxy: RunningProxy) -> None:
    tls = proxy.trust()
    with ExitStack() as opened:

        def is_let_in(source: str) -> bool:
            try:
                connection = opened.enter_context(connect(proxy.port, tls, source=source))
            except OSError:
                return False
            if not answer_to_ping(connection):
                return False
            kept.append(connection)
            return True

        kept: list[socket.socket] = []
        eventually(lambda: is_let_in(HERE))  # the one that waited for the start may not have been counted off yet
        assert [is_let_in(HERE) for _ in range(PER_ADDRESS)] == [True] * (PER_ADDRESS - 1) + [False]
        others = CONNECTIONS - PER_ADDRESS
        assert [is_let_in(THERE) for _ in range(others + 1)] == [True] * others + [False]
        assert all(answer_to_ping(connection) for connection in kept)
        kept.pop(0).close()
        eventually(lambda: is_let_in(THERE))
        assert not is_let_in(THERE)


def test_a_connection_ends_after_so_many_requests(proxy: RunningProxy) -> None:
    def connected() -> bool:
        connection = connect(proxy.port, proxy.trust())
        if not (first := answer_to_ping(connection)):
            connection.close()
            return False
        with connection:
            answers = [first, *(answer_to_ping(connection) for _ in range(REQUESTS))]
        assert [b"connection: close" in answer for answer in answers] == [False] * (REQUESTS - 1) + [True, False]
        assert answers[-1] == b""
        return True

    eventually(connected)
