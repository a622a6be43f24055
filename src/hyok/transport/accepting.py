"""Connections, from a listening socket to the end of their TLS handshake.

They are counted from here on. Were they counted after the handshake, clients that connect and say nothing could be any
number; and each of them has a TLS object, which is the larger part of what a connection costs.
"""

from __future__ import annotations

import errno
import logging
import socket
import ssl
from typing import Final

from hyok.transport.connection import HttpConnection
from hyok.transport.server import HttpServer

_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_PAUSE_SECONDS: Final = 1.0
_log = logging.getLogger("hyok.transport")


class Acceptor:
    """Takes connections from one listening socket, until it is closed.

    One for each time the socket is ready: of several workers on one socket, the next is taken by whoever is idle, and
    connections that live long are spread more evenly.
    """

    def __init__(self, listener: socket.socket, server: HttpServer, tls: ssl.SSLContext | None) -> None:
        self._listener = listener
        self._server = server
        self._tls = tls
        self._loop = server.loop
        self._is_closed = False
        self._loop.add_reader(listener, self._accept)

    def close(self) -> None:
        """Take no more, and close the socket. Handshakes under way go on."""
        if not self._is_closed:
            self._is_closed = True
            self._loop.remove_reader(self._listener)
            self._listener.close()

    async def wait_closed(self) -> None:
        """Return at once; uvicorn asks for it."""

    def _accept(self) -> None:
        try:
            accepted, peer = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another worker was quicker, or the client has gone
        except OSError as error:
            if error.errno not in _EXHAUSTED:
                raise
            self._pause(error)
            return
        connection = self._server.admit(peer[0])
        if connection is None:
            accepted.close()
            return
        accepted.setblocking(False)
        handshake = self._loop.create_task(self._open(connection, accepted))
        self._server.handshakes.add(handshake)
        handshake.add_done_callback(self._server.handshakes.discard)

    async def _open(self, connection: HttpConnection, accepted: socket.socket) -> None:
        limits = self._server.limits
        try:
            await self._loop.connect_accepted_socket(
                lambda: connection,
                accepted,
                ssl=self._tls,
                ssl_handshake_timeout=limits.handshake_seconds if self._tls else None,
                ssl_shutdown_timeout=limits.closing_seconds if self._tls else None,
            )
        except OSError:  # no handshake, or none in time: whoever it was has been told by TLS itself
            self._server.forget(connection)
        except BaseException:
            self._server.forget(connection)
            raise

    def _pause(self, error: OSError) -> None:
        _log.error("no connections are accepted for %g s: %s", _PAUSE_SECONDS, error.strerror)
        self._loop.remove_reader(self._listener)
        self._loop.call_later(_PAUSE_SECONDS, self._go_on)

    def _go_on(self) -> None:
        if not self._is_closed:
            self._loop.add_reader(self._listener, self._accept)
