"""A client that sends exactly the bytes it is given, and reads one answer."""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import NamedTuple


class Answer(NamedTuple):
    """One HTTP answer; `closes` if the server ended the connection with it."""

    status: int
    headers: dict[str, str]
    body: bytes
    closes: bool


class DroppedConnectionError(Exception):
    """The server ended the connection without an answer."""


class RawClient:
    """One keep-alive connection, opened again after each answer that closed it."""

    def __init__(self, port: int, *, tls: ssl.SSLContext | None, server_name: str) -> None:
        self._port = port
        self._tls = tls
        self._server_name = server_name
        self._connection: socket.socket | None = None
        self._buffered = b""

    def exchange(self, request: bytes, *, is_head: bool = False) -> Answer:
        """Send a request and return its answer. DroppedConnectionError if there is none."""
        connection = self._connection or self._open()
        with contextlib.suppress(OSError):  # refused before it was read: the answer is there all the same
            connection.sendall(request)
        answer = self._read(connection, is_head=is_head)
        if answer.closes:
            self.close()
        return answer

    def abandon(self, request: bytes) -> None:
        """Send a request and go away without its answer."""
        connection = self._connection or self._open()
        with contextlib.suppress(OSError):
            connection.sendall(request)
        self.close()

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._buffered = b""

    def _open(self) -> socket.socket:
        plain = socket.create_connection(("127.0.0.1", self._port), timeout=10)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wrapped = plain if self._tls is None else self._tls.wrap_socket(plain, server_hostname=self._server_name)
        self._connection = wrapped
        return wrapped

    def _read(self, connection: socket.socket, *, is_head: bool) -> Answer:
        while b"\r\n\r\n" not in self._buffered:
            self._receive(connection)
        head, _, self._buffered = self._buffered.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        status = int(lines[0].split()[1])
        if status == 100:
            return self._read(connection, is_head=is_head)
        length = 0 if is_head else int(headers.get("content-length", "0"))
        while len(self._buffered) < length:
            self._receive(connection)
        body, self._buffered = self._buffered[:length], self._buffered[length:]
        return Answer(status, headers, body, headers.get("connection", "").lower() == "close")

    def _receive(self, connection: socket.socket) -> None:
        try:
            piece = connection.recv(65536)
        except (ConnectionResetError, ssl.SSLError) as error:
            self.close()
            raise DroppedConnectionError from error
        if not piece:
            self.close()
            raise DroppedConnectionError
        self._buffered += piece
