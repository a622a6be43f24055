"""Connections, from a listening socket to the end of their TLS handshake.

They are counted from here on. Were they counted after the handshake, clients that connect and say nothing could be any
number; and each of them has a TLS object, which is the larger part of what a connection costs.
"""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Callable
from time import monotonic
from typing import Final

from hyok.transport.connection import HttpConnection
from hyok.transport.limits import ConnectionLimit, counted_address
from hyok.transport.server import HttpServer
from hyok.transport.sockets import Address

_TROUBLE_SECONDS: Final = 1.0
"""Until the next try when the system gives no connection: no descriptor or memory left, most of all."""
_REMINDER_SECONDS: Final = 60.0
_COURTESY_SECONDS: Final = 0.001
"""About as long as the TLS handshake takes that has just begun."""
_AT_ONCE: Final = 8
"""What is taken of those who still wait after that: then the others are busy, too."""
_log = logging.getLogger("hyok.transport")


class Acceptor:
    """Takes connections from one listening socket, until it is closed.

    Other workers take from the same socket. Who has taken one lets them go first for a moment: else one that has just
    been at work wakes up sooner than those who are idle, wins again, and ends up with nearly all.
    """

    def __init__(
        self,
        listener: socket.socket,
        server: HttpServer,
        tls: ssl.SSLContext | None,
        *,
        name: str,
        note_refused: Callable[[ConnectionLimit], None],
    ) -> None:
        """`name` is the endpoint's, for the log; `note_refused` is told of each connection that a limit forbids."""
        self._name = name
        self._note_refused = note_refused
        self._listener = listener
        self._server = server
        self._tls = tls
        self._loop = server.loop
        self._is_closed = False
        self._told_at = dict.fromkeys(ConnectionLimit, -_REMINDER_SECONDS)
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
        if pause_seconds := self._accept_one():
            self._loop.remove_reader(self._listener)
            self._loop.call_later(pause_seconds, self._go_on)

    def _go_on(self) -> None:
        if self._is_closed:
            return
        pause_seconds = 0.0
        for _ in range(_AT_ONCE):
            pause_seconds = max(pause_seconds, self._accept_one())
            if pause_seconds >= _TROUBLE_SECONDS:
                break
        if pause_seconds:
            self._loop.call_later(pause_seconds, self._go_on)
        else:
            self._loop.add_reader(self._listener, self._accept)

    def _accept_one(self) -> float:
        """Take one connection, if one waits. Return for how many seconds to let others go first."""
        try:
            accepted, peer = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return 0.0  # another worker was quicker, or the client has gone
        except OSError as error:
            # Whatever it is: who raised here would never be called again.
            _log.error("%s: no connections are accepted for %g s: %s", self._name, _TROUBLE_SECONDS, error.strerror)
            return _TROUBLE_SECONDS
        client = Address(*peer[:2])
        connection = self._server.admit(client)
        if isinstance(connection, ConnectionLimit):
            accepted.close()
            self._note_refused(connection)
            self._tell_of_limit(connection, client)
            return 0.0
        accepted.setblocking(False)
        handshake = self._loop.create_task(self._open(connection, accepted))
        self._server.handshakes.add(handshake)
        handshake.add_done_callback(self._server.handshakes.discard)
        return _COURTESY_SECONDS

    def _tell_of_limit(self, limit: ConnectionLimit, client: Address) -> None:
        now = monotonic()
        if now - self._told_at[limit] < _REMINDER_SECONDS:
            return
        self._told_at[limit] = now
        _log.warning(
            "%s: connections are closed at once, the last one from %s: %s",
            self._name,
            client.host,
            self._describe(limit, client),
        )

    def _describe(self, limit: ConnectionLimit, client: Address) -> str:
        limits = self._server.limits
        match limit:
            case ConnectionLimit.ALL:
                return f"{limits.connections} are open in all, the most that one worker takes (`connections`)"
            case ConnectionLimit.ADDRESS:
                return (
                    f"{limits.connections_per_address} are open from {counted_address(client.host)}, "
                    "the most that one worker takes from one address (`connections_per_address`)"
                )

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
