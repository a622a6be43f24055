"""New connections: how soon after the TLS handshake the first answer comes, and a ping while the key manager hangs."""

from __future__ import annotations

import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.machine import free_port
from benchmarks.offered import on_the_wire, percentile
from benchmarks.sides import HOST, encrypt_request, make_sides, running_proxy

_PING = b"GET /ping HTTP/1.1\r\nhost: %b\r\n\r\n" % HOST.encode()
_HANGING_CONNECTIONS = 32


class NewConnections(NamedTuple):
    """Milliseconds."""

    first_answer_p50: float
    first_answer_p99: float
    """From the end of the handshake to the answer of an Encrypt."""
    ping_p50: float
    ping_max: float
    """From before the connection is made to the answer, while every call of the key manager hangs."""


def measure(*, connections: int) -> NewConnections:
    """Open so many connections, one after the other, for each."""
    with tempfile.TemporaryDirectory(prefix="hyok-bench-") as name:
        sides = make_sides(Path(name))
        context = ssl.create_default_context(cafile=str(sides.holder / "tls/ca.pem"))
        with running_proxy(sides, core=None) as (_, port):
            wire = on_the_wire(encrypt_request(sides, port=port))
            first = [_first_answer(wire, port, context) for _ in range(connections)]
        silent = free_port()
        configuration = sides.holder / "hyok.toml"
        (sides.holder / "token").write_text("s.none")
        configuration.write_text(
            configuration.read_text().replace(
                'kind = "embedded"',
                f'kind = "transit"\nservers = ["https://127.0.0.1:{silent}"]\n'
                'login = { kind = "token", token = "file:token" }',
            )
        )
        with _hanging_server(silent), running_proxy(sides, core=None) as (_, port):
            wire = on_the_wire(encrypt_request(sides, port=port))
            with _hanging_requests(wire, port, context):
                pings = [_ping(port, context) for _ in range(connections)]
    return NewConnections(
        percentile(first, 0.5), percentile(first, 0.99), percentile(pings, 0.5), percentile(pings, 1.0)
    )


def _first_answer(wire: bytes, port: int, context: ssl.SSLContext) -> float:
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as connection,
    ):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        began_at = time.monotonic()
        connection.sendall(wire)
        answer = connection.recv(65536)
        took = time.monotonic() - began_at
        assert answer.startswith(b"HTTP/1.1 200"), answer
        return took


def _ping(port: int, context: ssl.SSLContext) -> float:
    began_at = time.monotonic()
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as connection,
    ):
        connection.sendall(_PING)
        answer = connection.recv(65536)
        took = time.monotonic() - began_at
        assert answer.startswith(b"HTTP/1.1 200"), answer
        return took


@contextmanager
def _hanging_server(port: int) -> Iterator[None]:
    """Accept connections and say nothing."""
    kept: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", port), backlog=512) as listener:

        def accept() -> None:
            while True:
                try:
                    kept.append(listener.accept()[0])
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        yield
        listener.shutdown(socket.SHUT_RDWR)
    for each in kept:
        each.close()


@contextmanager
def _hanging_requests(wire: bytes, port: int, context: ssl.SSLContext) -> Iterator[None]:
    """Keep requests in the proxy that wait for the key manager."""
    is_over = threading.Event()

    def ask() -> None:
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            context.wrap_socket(plain, server_hostname=HOST) as connection,
        ):
            while not is_over.is_set():
                connection.sendall(wire)
                connection.recv(65536)

    threads = [threading.Thread(target=ask) for _ in range(_HANGING_CONNECTIONS)]
    for each in threads:
        each.start()
    time.sleep(0.5)
    try:
        yield
    finally:
        is_over.set()
        for each in threads:
            each.join()
