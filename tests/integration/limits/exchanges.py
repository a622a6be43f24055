"""Many connections at once, each with its bytes to send, and what comes back on each until its end."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

SECONDS = 15.0
AT_ONCE = 100


class Heard(NamedTuple):
    """All that a server said on one connection."""

    data: bytes
    seconds: float
    """From the first byte sent to the end."""
    is_cut: bool
    """Whether the end was a cut, not a close in order."""

    @property
    def statuses(self) -> list[int]:
        """The statuses of the answers, in order."""
        return [int(part[:3]) for part in self.data.split(b"HTTP/1.1 ")[1:]]

    @property
    def head(self) -> bytes:
        """The first head, in lower case."""
        return self.data.partition(b"\r\n\r\n")[0].lower()

    @property
    def body(self) -> bytes:
        """What follows the first head."""
        return self.data.partition(b"\r\n\r\n")[2]


def connect(port: int, tls: ssl.SSLContext | None, *, source: str = "127.0.0.1") -> socket.socket:
    """Open a connection, with the TLS handshake done, from one of the addresses of this machine."""
    plain = socket.create_connection(("127.0.0.1", port), timeout=SECONDS, source_address=(source, 0))
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return plain if tls is None else tls.wrap_socket(plain, server_hostname="localhost")


def exchange(connection: socket.socket, pieces: Iterable[bytes], *, pause_seconds: float = 0.0) -> Heard:
    """Send piece after piece, with a pause before the next, until the server speaks; then read until it closes."""
    with connection:
        began = time.monotonic()
        heard = b""
        for piece in pieces:
            with contextlib.suppress(OSError):  # refused before all of it was sent: the answer is there all the same
                connection.sendall(piece)
            if pause_seconds and (heard := _listen(connection, pause_seconds)):
                break
        connection.settimeout(SECONDS)
        is_cut = False
        try:
            while piece := connection.recv(65_536):
                heard += piece
        except (ConnectionError, ssl.SSLEOFError):
            is_cut = True
        return Heard(heard, time.monotonic() - began, is_cut)


def exchange_all(port: int, tls: ssl.SSLContext | None, sent: Mapping[str, bytes]) -> dict[str, Heard]:
    """Send each on a connection of its own, all of them at once, and read until the server closes."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        heard = threads.map(lambda data: exchange(connect(port, tls), [data]), sent.values())
        return dict(zip(sent, heard, strict=True))


def _listen(connection: socket.socket, seconds: float) -> bytes:
    connection.settimeout(seconds)
    try:
        return connection.recv(65_536)
    except TimeoutError:
        return b""
