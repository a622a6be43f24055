"""A TCP gate on the way to a server: open, slow, or shut, as the test says."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum


class Mode(Enum):
    OPEN = "open"
    SLOW = "slow"
    """Bytes towards the server arrive 400 ms late, later than KMS waits."""
    SHUT = "shut"
    """Connections are refused, and those that were open are cut."""


SLOW_SECONDS = 0.4


class Gate:
    """Forwards connections from a port of its own to the server's. Starts open."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._mode = Mode.OPEN
        self._connections: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._start()

    @contextmanager
    def being(self, mode: Mode) -> Iterator[None]:
        """Let the gate be slow or shut for the length of the block."""
        self._mode = mode
        if mode is Mode.SHUT:
            self.close()
        try:
            yield
        finally:
            self._mode = Mode.OPEN
            if mode is Mode.SHUT:
                self._listener = socket.create_server(("127.0.0.1", self.port))
                self._start()

    def close(self) -> None:
        """Stop listening and cut what is open."""
        # A shutdown wakes the thread that waits in accept; a close alone does not.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._connections.clear()

    def _start(self) -> None:
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self._connections.append(client)
            server = socket.create_connection(("127.0.0.1", self._server_port))
            self._connections.append(server)
            for connection in (client, server):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._forward, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._forward, args=(server, client, False), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket, is_towards_server: bool) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                if is_towards_server and self._mode is Mode.SLOW:
                    time.sleep(SLOW_SECONDS)
                sink.sendall(piece)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
