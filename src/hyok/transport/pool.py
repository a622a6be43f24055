"""A client's connections to one server. The whole of an exchange stands under one deadline."""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any, Generic, TypeVar

from hyok.clock import NO_DEADLINE, Deadline, remaining_seconds
from hyok.transport.connecting import connect
from hyok.transport.exchange import ClientLimits, TransportError, TransportFailure
from hyok.transport.exchanging import ExchangeConnection, UnansweredError, UnsentError
from hyok.transport.sockets import Address

A = TypeVar("A")
_CLOSING_SECONDS = 1.0


class ConnectionPool(Generic[A]):
    """Sends requests to one server over connections that are kept: the one used last is used first.

    A request is sent again, on another connection, when a kept one turns out to have been closed before the first byte
    of an answer: the server may or may not have done what it asked.
    """

    def __init__(
        self,
        address: Address,
        *,
        server_name: str,
        tls: ssl.SSLContext | None,
        limits: ClientLimits,
        make_connection: Callable[[ConnectionPool[A]], ExchangeConnection[A]],
    ) -> None:
        """Make a pool that connects to `address` and asks there for the certificate of `server_name`."""
        self._address = address
        self._server_name = server_name
        self._tls = tls
        self._limits = limits
        self._make_connection = make_connection
        self._idle: deque[ExchangeConnection[A]] = deque()
        self._connections: set[ExchangeConnection[A]] = set()
        self._connecting = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_closed = False
        self.peer_certificate: bytes | None = None
        """The server's certificate in DER, as of the last handshake."""

    async def exchange(self, payload: bytes, deadline: Deadline, *, is_repeatable: bool = True) -> A:
        """Send a request and return its answer; name look-up, TCP and TLS are within the deadline too.

        Raises TransportError. Runs outside a task as well. One that must not be done twice is never sent twice.
        """
        while True:
            connection = self._take_idle(deadline)
            is_fresh = connection is None
            if connection is None:
                if len(self._connections) + self._connecting >= self._limits.connections:
                    await self._wait_for_turn(deadline)
                    continue
                connection = await self._connect(deadline)
            try:
                answer = await connection.exchange(payload, deadline)
            except UnansweredError as error:
                if is_fresh or not (is_repeatable or isinstance(error, UnsentError)):
                    raise TransportError(TransportFailure.NO_CONNECTION, f"{self._address}: {error}") from error
                continue
            if is_fresh:
                connection.keep_session()
            return answer

    async def aclose(self) -> None:
        """Close all connections; exchanges under way end with NO_CONNECTION."""
        self._is_closed = True
        while self._waiting:
            self._wake_one()
        connections = list(self._connections)
        for connection in connections:
            connection.close()
        if connections:
            await asyncio.wait([each.closed for each in connections], timeout=_CLOSING_SECONDS)
        for connection in list(self._connections):
            connection.abort()

    # The connections call these.

    def welcome(self, connection: ExchangeConnection[A]) -> None:
        """Count a connection that was just made."""
        self._connections.add(connection)

    def take_back(self, connection: ExchangeConnection[A]) -> None:
        """Keep a connection that is ready for the next exchange."""
        if self._is_closed:
            connection.close()
            return
        self._idle.append(connection)
        self._wake_one()

    def forget(self, connection: ExchangeConnection[A]) -> None:
        """Make room for another connection."""
        self._connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._wake_one()

    # Helpers, in order of use.

    def _take_idle(self, deadline: Deadline) -> ExchangeConnection[A] | None:
        """Return the connection used last of those that are idle. TransportError if there is no time to use one."""
        now = monotonic()
        if self._is_closed:
            raise TransportError(TransportFailure.NO_CONNECTION, f"the pool for {self._address} is closed")
        if deadline <= now:
            raise TransportError(TransportFailure.TIMED_OUT, "no free connection by the deadline")
        # A firewall may have forgotten those long idle without a word; a request would vanish there.
        while self._idle and self._idle[0].idle_since < now - self._limits.idle_seconds:
            self._idle.popleft().close()
        return self._idle.pop() if self._idle else None

    async def _connect(self, deadline: Deadline) -> ExchangeConnection[A]:
        loop = asyncio.get_running_loop()
        # In a task of its own: the caller may be outside any.
        task = loop.create_task(
            connect(
                lambda: self._make_connection(self),
                self._address,
                tls=self._tls,
                server_name=self._server_name,
                deadline=deadline,
            )
        )
        self._connecting += 1
        try:
            connection = await task
        except BaseException:
            task.add_done_callback(_discard)
            task.cancel()
            raise
        finally:
            self._connecting -= 1
            self._wake_one()
        self.peer_certificate = connection.peer_certificate
        return connection

    async def _wait_for_turn(self, deadline: Deadline) -> None:
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        timer = None if deadline == NO_DEADLINE else loop.call_later(remaining_seconds(deadline), _end_wait, turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self._wake_one()  # it was our turn; it is another's now
            raise
        finally:
            if timer is not None:
                timer.cancel()
        if remaining_seconds(deadline) <= 0 and turn not in self._waiting:
            self._wake_one()  # it came too late for us; it is another's now

    def _wake_one(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return


def _end_wait(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)


def _discard(task: asyncio.Task[ExchangeConnection[Any]]) -> None:
    """Close what a caller that has gone away had asked for."""
    if not task.cancelled() and task.exception() is None:
        task.result().close()
