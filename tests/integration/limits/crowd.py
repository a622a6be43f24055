"""A crowd of clients that take a proxy's time and give nothing.

`python -m tests.integration.limits.crowd PORT CA IDLE SLOW`: some are idle once their handshake is done; the others
send one byte a second each, in the TLS handshake, in a head or in a body, and come again when they are cut. Says
`ready` when all have arrived, and ends with its standard input.
"""

from __future__ import annotations

import resource
import select
import socket
import ssl
import sys
from collections import deque
from enum import Enum

_HEAD = b"POST /main/kms/xks/v1/health HTTP/1.1\r\nHost: localhost\r\n"
_BODY = _HEAD + b"Content-Length: 1000\r\n\r\n"
_CLIENT_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)


class Stage(Enum):
    """Where a slow client lingers: what it sends at once, and what it drips."""

    HANDSHAKE = (b"", _CLIENT_HELLO)
    HEAD = (_HEAD, b"X-Slow: a\r\n" * 100)
    BODY = (_BODY, bytes(1000))


class SlowClient:
    """Sends byte after byte of something that it never finishes."""

    def __init__(self, port: int, tls: ssl.SSLContext, stage: Stage) -> None:
        self._port = port
        self._tls = tls
        self._stage = stage
        self._arrive()

    def go_on(self) -> None:
        """Send the next byte, or come again if the server has ended the connection."""
        try:
            self._connection.send(bytes([next(self._rest)]))
            self._connection.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return  # neither an answer nor an end
        except (OSError, StopIteration):
            pass
        self._connection.close()
        self._arrive()

    def _arrive(self) -> None:
        at_once, rest = self._stage.value
        self._connection = connect(self._port, None if self._stage is Stage.HANDSHAKE else self._tls)
        self._connection.sendall(at_once)
        self._connection.setblocking(False)
        self._rest = iter(rest)


def connect(port: int, tls: ssl.SSLContext | None) -> socket.socket:
    """Open a connection, with the TLS handshake done."""
    plain = socket.create_connection(("127.0.0.1", port), timeout=30)
    return plain if tls is None else tls.wrap_socket(plain, server_hostname="localhost")


def main(port: int, authorities: str, idle: int, slow: int) -> None:
    """Be the crowd until standard input ends."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    tls = ssl.create_default_context(cafile=authorities)
    stages = list(Stage)
    slow_clients = deque(SlowClient(port, tls, stages[number % len(stages)]) for number in range(slow))
    idle_clients = []
    for number in range(idle):
        idle_clients.append(connect(port, tls))
        if number % 20 == 0:
            _next_goes_on(slow_clients)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while not select.select([sys.stdin], [], [], 1 / slow)[0]:
        _next_goes_on(slow_clients)


def _next_goes_on(slow_clients: deque[SlowClient]) -> None:
    slow_clients[0].go_on()
    slow_clients.rotate()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
