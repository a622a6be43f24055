"""One connection of a client: one exchange at a time, kept for the next. What is said on it, subclasses know."""

from __future__ import annotations

import asyncio
import ssl
from time import monotonic
from typing import Generic, Protocol, Self, TypeVar, cast

from hyok.clock import NO_DEADLINE, Deadline, remaining_seconds
from hyok.transport.exchange import TransportError, TransportFailure
from hyok.transport.steps import Reply
from hyok.transport.tls import ResumingTls, explain

A = TypeVar("A")
_BUFFER_BYTES = 16 * 1024  # for each connection, and there are few
_TIMER_SECONDS = 0.001  # to which the event loop rounds
ConnectionT_contra = TypeVar("ConnectionT_contra", contravariant=True)


class UnansweredError(Exception):
    """The server closed before the first byte of an answer; on a kept connection it may never have seen the request."""


class UnsentError(UnansweredError):
    """The connection was closed already: the request never left."""


class Owner(Protocol[ConnectionT_contra]):
    """Who keeps the connections."""

    def welcome(self, connection: ConnectionT_contra) -> None:
        """Count a connection that was just made."""
        ...

    def take_back(self, connection: ConnectionT_contra) -> None:
        """Take a connection that is ready for the next exchange."""
        ...

    def forget(self, connection: ConnectionT_contra) -> None:
        """Let go of a connection that is closed."""
        ...


class ExchangeConnection(asyncio.BufferedProtocol, Generic[A]):
    """Sends a request, waits for its answer. Subclasses read it: `feed` and, where that ends one, `finish_at_eof`."""

    def __init__(self, owner: Owner[Self], *, loop: asyncio.AbstractEventLoop, answer_bytes: int) -> None:
        self._owner = owner
        self._loop = loop
        self._answer_bytes = answer_bytes
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[A] | None = None
        # A buffer of ours, for the reason that server.py gives.
        self._buffer = memoryview(bytearray(_BUFFER_BYTES))
        self._deadline = NO_DEADLINE
        """Of the exchange under way or, when there is none, of the last."""
        self._timer: asyncio.TimerHandle | None = None
        self._looks_at = NO_DEADLINE
        """When the timer ends."""
        self._received_bytes = 0
        self._was_answered = False
        self._loss: TransportError | UnansweredError = UnsentError("closed while it was idle")
        self.ssl_object: ssl.SSLObject | None = None
        """The TLS of this connection. Kept from its beginning: a transport that was cut does not tell any more."""
        self.peer_certificate: bytes | None = None
        """The server's certificate in DER; None without TLS."""
        self.idle_since = 0.0
        """When the last answer was complete, in `time.monotonic` seconds."""
        self.closed: asyncio.Future[None] = loop.create_future()

    async def exchange(self, payload: bytes, deadline: Deadline) -> A:
        """Send a request and return its answer. Raises TransportError and UnansweredError.

        Runs outside a task as well. If it does not end with an answer the connection is cut.
        """
        transport = self._transport
        if transport is not None and transport.is_closing() and not self._was_answered:
            await self._wait_for_loss(deadline)
        if transport is None or transport.is_closing():
            raise self._loss
        waiter: Reply[A] = Reply(self._loop)
        self._waiter = waiter
        self._deadline = deadline
        if deadline < self._looks_at:
            self._look_later(deadline)
        # With the others of this turn: the first that leaves wakes the server, which is at work from then on.
        self._loop.call_soon(transport.write, payload)
        try:
            return await waiter
        finally:
            if self._waiter is waiter:
                self.abort()

    def close(self) -> None:
        """Close in order."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Cut the connection; nobody waits for its answer."""
        self._waiter = None
        if self._transport is not None:
            self._transport.abort()

    def keep_session(self) -> None:
        """Let later connections take up this one's TLS session."""
        connection = self.ssl_object
        if isinstance(connection, ResumingTls):
            connection.keep_session()

    # What subclasses fill in, and what they call.

    def feed(self, data: bytes) -> None:
        """Read on; `finish` once the answer is whole, `fail` if it never will be."""
        raise NotImplementedError

    def finish_at_eof(self) -> None:
        """Finish, if it is the end of the stream that ends this answer."""

    def finish(self: Self, answer: A, *, is_kept: bool) -> None:
        """Hand over a whole answer."""
        self._received_bytes = 0
        self._was_answered = True
        self._end_exchange(answer)
        if is_kept:
            self.idle_since = monotonic()
            self._owner.take_back(self)
        else:
            self.close()

    def fail(self, failure: TransportFailure, detail: str) -> None:
        """Tell who waits that no answer comes, and cut the connection."""
        self._end_exchange(TransportError(failure, detail))
        self.abort()

    @property
    def is_waited_for(self) -> bool:
        """Whether a request has been sent and not yet been answered."""
        return self._waiter is not None

    # The event loop calls these.

    def connection_made(self: Self, transport: asyncio.BaseTransport) -> None:
        """Be ready."""
        self._transport = cast("asyncio.Transport", transport)
        self.ssl_object = transport.get_extra_info("ssl_object")
        if self.ssl_object is not None:
            # Now: once the server has ended the session, OpenSSL gives it no more.
            self.peer_certificate = self.ssl_object.getpeercert(binary_form=True)
        self._owner.welcome(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Lend the place where the next bytes go."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Read on."""
        if self._waiter is None:
            self.abort()  # nothing was asked: whatever it is, it must not become the next answer
            return
        self._received_bytes += nbytes
        if self._received_bytes > self._answer_bytes:
            self.fail(TransportFailure.BAD_ANSWER, f"the answer is longer than {self._answer_bytes} bytes")
            return
        self.feed(bytes(self._buffer[:nbytes]))

    def eof_received(self) -> None:
        """End an answer that lasts until the server closes."""
        if self._waiter is not None:
            self.finish_at_eof()

    def connection_lost(self: Self, exc: Exception | None) -> None:
        """Tell who waits."""
        if self._waiter is not None:
            self._end_exchange(self._why_lost(exc))
        elif not self._was_answered:
            self._loss = self._why_lost(exc)
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        self._owner.forget(self)
        self.closed.set_result(None)

    # Helpers, in order of use.

    async def _wait_for_loss(self, deadline: Deadline) -> None:
        # The server has closed right after the handshake, and `connection_lost` is about to be told why.
        timeout = None if deadline == NO_DEADLINE else max(0.0, remaining_seconds(deadline))
        await asyncio.wait((self.closed,), timeout=timeout)

    def _why_lost(self, exc: Exception | None) -> TransportError | UnansweredError:
        if self._received_bytes:
            return TransportError(TransportFailure.BAD_ANSWER, "the connection was closed in the middle of an answer")
        if isinstance(exc, ssl.SSLError):
            return TransportError(TransportFailure.NO_TLS, f"the server ended the TLS session: {explain(exc)}")
        connection = self.ssl_object
        if not self._was_answered and isinstance(connection, ResumingTls) and connection.shows_certificate:
            # In TLS 1.3 a server judges the client's certificate after the client's handshake has ended.
            return TransportError(
                TransportFailure.NO_TLS, "closed right after the handshake: our certificate may not be let in"
            )
        return UnansweredError("the connection was closed before an answer came")

    def _look_later(self, at: Deadline) -> None:
        """Set the timer. It is not stopped when an answer comes, as nearly all do: it looks whether one is missing."""
        if self._timer is not None:
            self._timer.cancel()
        self._looks_at = at
        self._timer = self._loop.call_later(max(0.0, remaining_seconds(at)), self._look)

    def _look(self) -> None:
        self._timer, self._looks_at = None, NO_DEADLINE
        if self._waiter is None or self._deadline == NO_DEADLINE:
            return
        if remaining_seconds(self._deadline) > _TIMER_SECONDS:
            self._look_later(self._deadline)
            return
        so_far = f"{self._received_bytes} bytes of the answer" if self._received_bytes else "no answer"
        self.fail(TransportFailure.TIMED_OUT, f"{so_far} by the deadline")

    def _end_exchange(self, outcome: A | TransportError | UnansweredError) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is None or waiter.done():
            return
        if isinstance(outcome, TransportError | UnansweredError):
            waiter.set_exception(outcome)
        else:
            waiter.set_result(outcome)
