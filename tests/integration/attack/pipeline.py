"""Requests sent in batches over kept connections, before the earlier ones are answered, and each answer told apart."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

from tests.integration.bad_input.generators import Request

SECONDS = 20.0
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)")


class Answer(NamedTuple):
    """One answer."""

    status: int
    body: bytes
    closes: bool


class UnansweredError(Exception):
    """The server ended a connection and owed an answer."""


class Pipeline:
    """One connection, opened again when the server has closed it; what was not answered is then sent once more."""

    def __init__(self, port: int, tls: ssl.SSLContext, check: Callable[[Request, Answer], None]) -> None:
        self._port = port
        self._tls = tls
        self._check = check
        self._session: ssl.SSLSession | None = None
        self._connection: ssl.SSLSocket | None = None
        self._buffered = bytearray()
        self._unanswered: deque[Request] = deque()

    def send(self, requests: Iterable[Request]) -> None:
        """Send a batch, once all earlier ones are answered."""
        self.finish()
        self._unanswered.extend(requests)
        self._send_unanswered()

    def finish(self) -> None:
        """Wait until everything is answered. UnansweredError if the server keeps an answer to itself."""
        while self._unanswered:
            answer = self._read(is_head=self._unanswered[0].is_head)
            self._check(self._unanswered.popleft(), answer)
            if answer.closes:
                self.close()
                if self._unanswered:
                    self._send_unanswered()

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._buffered.clear()

    def _send_unanswered(self) -> None:
        if self._connection is None:
            self._connection = open_tls(self._port, self._tls, self._session)
        with contextlib.suppress(OSError):  # one of them was refused while the rest was on its way
            self._connection.sendall(b"".join(request.raw for request in self._unanswered))

    def _read(self, *, is_head: bool) -> Answer:
        while (end := self._buffered.find(b"\r\n\r\n")) < 0:
            self._receive()
        head = bytes(self._buffered[:end])
        length = _LENGTH.search(head)
        size = 0 if is_head or length is None else int(length[1])
        while len(self._buffered) < end + 4 + size:
            self._receive()
        body = bytes(self._buffered[end + 4 : end + 4 + size])
        del self._buffered[: end + 4 + size]
        return Answer(int(head[9:12]), body, b"\r\nconnection: close" in head)

    def _receive(self) -> None:
        assert self._connection is not None
        try:
            piece = self._connection.recv(65_536)
        except OSError as error:
            raise UnansweredError(self._unanswered[0].raw[:3000]) from error
        if not piece:
            raise UnansweredError(self._unanswered[0].raw[:3000])
        if self._session is None:  # once: CPython 3.11 leaks each time that `session` is read
            self._session = self._connection.session
        self._buffered += piece


def open_tls(port: int, tls: ssl.SSLContext, session: ssl.SSLSession | None = None) -> ssl.SSLSocket:
    """Connect; an earlier session makes the handshake cheaper."""
    plain = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return tls.wrap_socket(plain, server_hostname="localhost", session=session)
