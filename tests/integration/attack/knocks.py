"""One message on a connection of its own: sent, the sending side closed, and whatever comes read to the end."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import ssl

from tests.integration.attack.pipeline import SECONDS, open_tls

_STATUS = re.compile(rb"(?:^|\n)HTTP/1\.1 (\d{3}) ")


class Knocker:
    """Sends to one port."""

    def __init__(self, port: int, tls: ssl.SSLContext | None) -> None:
        self._port = port
        self._tls = tls
        self._session: ssl.SSLSession | None = None

    def knock(self, data: bytes) -> list[int]:
        """Send HTTP, or what resembles it, and return the statuses of the answers."""
        if self._tls is None:
            with socket.create_connection(("127.0.0.1", self._port), timeout=SECONDS) as connection:
                return statuses_of(_say(connection, data))
        with open_tls(self._port, self._tls, self._session) as connection:
            answered = _say(connection, data)
            if self._session is None:  # once: CPython 3.11 leaks each time that `session` is read
                self._session = connection.session
            return statuses_of(answered)

    def knock_below_tls(self, data: bytes) -> bytes:
        """Send bytes to a port where TLS is spoken, without speaking it."""
        with socket.create_connection(("127.0.0.1", self._port), timeout=SECONDS) as connection:
            return _say(connection, data)

    def break_in(self, data: bytes) -> bytes:
        """Shake hands as one should, and go on with bytes that are no TLS."""
        assert self._tls is not None
        with open_tls(self._port, self._tls, self._session) as connection:
            os.write(connection.fileno(), data)
            _close_sending_side(connection)
            return _read_to_end(connection)


def statuses_of(answered: bytes) -> list[int]:
    """Return the statuses of all answers."""
    return [int(status) for status in _STATUS.findall(answered)]


def _say(connection: socket.socket, data: bytes) -> bytes:
    with contextlib.suppress(OSError):  # the server may have heard enough
        connection.sendall(data)
    _close_sending_side(connection)
    return _read_to_end(connection)


def _close_sending_side(connection: socket.socket) -> None:
    # Of TCP: TLS has no such thing, and Python's SSLSocket would forget its session.
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as same:
        same.shutdown(socket.SHUT_WR)


def _read_to_end(connection: socket.socket) -> bytes:
    heard = b""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while piece := connection.recv(65_536):
            heard += piece
    return heard
