"""One connection of a client: one exchange at a time, kept for the next. The sibling of `connection.py`."""

from __future__ import annotations

import asyncio
import ssl
from time import monotonic
from typing import Protocol, cast

import httptools

from hyok.clock import NO_DEADLINE, Deadline, remaining_seconds
from hyok.transport.exchange import HttpAnswer, TransportError, TransportFailure
from hyok.transport.tls import ResumingTls, explain

_FIRST_FINAL_STATUS = 200
_SWITCHING_PROTOCOLS = 101


class UnansweredError(Exception):
    """The server closed before the first byte of an answer; on a kept connection it may never have seen the request."""


class Owner(Protocol):
    """Who keeps the connection."""

    def welcome(self, connection: ClientConnection) -> None:
        """Count a connection that was just made."""
        ...

    def take_back(self, connection: ClientConnection) -> None:
        """Take a connection that is ready for the next exchange."""
        ...

    def forget(self, connection: ClientConnection) -> None:
        """Let go of a connection that is closed."""
        ...


class ClientConnection(asyncio.Protocol):
    """Sends a request, reads its answer."""

    def __init__(self, owner: Owner, *, loop: asyncio.AbstractEventLoop, answer_bytes: int) -> None:
        self._owner = owner
        self._loop = loop
        self._answer_bytes = answer_bytes
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[HttpAnswer] | None = None
        self._received_bytes = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._status = 0  # until the head of the answer is there
        self._body: list[bytes] = []
        self._was_answered = False
        self.idle_since = 0.0
        """When the last answer was complete, in `time.monotonic` seconds."""
        self.closed: asyncio.Future[None] = loop.create_future()

    async def exchange(self, payload: bytes, deadline: Deadline) -> HttpAnswer:
        """Send a request and return its answer. Raises TransportError and UnansweredError.

        Runs outside a task as well. If it does not end with an answer the connection is cut.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            raise UnansweredError("closed while it was idle")
        waiter: asyncio.Future[HttpAnswer] = self._loop.create_future()
        self._waiter = waiter
        timer = None
        if deadline != NO_DEADLINE:
            timer = self._loop.call_later(max(0.0, remaining_seconds(deadline)), self._time_out)
        transport.write(payload)
        try:
            return await waiter
        finally:
            if timer is not None:
                timer.cancel()
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

    @property
    def ssl_object(self) -> ssl.SSLObject | None:
        """The TLS of this connection."""
        return None if self._transport is None else self._transport.get_extra_info("ssl_object")

    def keep_session(self) -> None:
        """Let later connections take up this one's TLS session."""
        connection = self.ssl_object
        if isinstance(connection, ResumingTls):
            connection.keep_session()

    # The event loop calls these.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready."""
        self._transport = cast("asyncio.Transport", transport)
        self._owner.welcome(self)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._waiter is None:
            self.abort()  # nothing was asked: whatever it is, it must not become the next answer
            return
        self._received_bytes += len(data)
        if self._received_bytes > self._answer_bytes:
            self._fail(TransportFailure.BAD_ANSWER, f"the answer is longer than {self._answer_bytes} bytes")
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(TransportFailure.BAD_ANSWER, f"the answer is not HTTP/1.1 ({error})")

    def eof_received(self) -> None:
        """End an answer whose body lasts until the server closes."""
        framed = {b"content-length", b"transfer-encoding"}
        if self._waiter is not None and self._status and not any(name in framed for name, _ in self._headers):
            self._finish(is_kept=False)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits."""
        if self._waiter is not None:
            self._end_exchange(self._why_lost(exc))
        self._transport = None
        self._owner.forget(self)
        self.closed.set_result(None)

    # The parser calls these.

    def on_message_begin(self) -> None:
        """Take only what was asked for."""
        if self._waiter is None:
            raise ValueError("a second answer to one request")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header."""
        if not self._status:
            self._headers.append((name.lower(), value.rstrip()))

    def on_headers_complete(self) -> None:
        """Take the status, unless the answer proper is still to come (RFC 9110 15.2)."""
        status = self._parser.get_status_code()
        if status == _SWITCHING_PROTOCOLS:
            raise ValueError("switches to a protocol that nobody asked for")
        if status >= _FIRST_FINAL_STATUS:
            self._status = status
        else:
            self._headers.clear()

    def on_body(self, piece: bytes) -> None:
        """Take a piece of the body."""
        self._body.append(piece)

    def on_message_complete(self) -> None:
        """Hand over a whole answer."""
        if self._status and self._waiter is not None:
            self._finish(is_kept=self._parser.should_keep_alive())

    # Helpers, in order of use.

    def _finish(self, *, is_kept: bool) -> None:
        answer = HttpAnswer(self._status, tuple(self._headers), b"".join(self._body))
        self._received_bytes = self._status = 0
        self._headers.clear()
        self._body.clear()
        self._was_answered = True
        self._end_exchange(answer)
        if is_kept:
            self.idle_since = monotonic()
            self._owner.take_back(self)
        else:
            self.close()

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

    def _time_out(self) -> None:
        so_far = f"{self._received_bytes} bytes of the answer" if self._received_bytes else "no answer"
        self._fail(TransportFailure.TIMED_OUT, f"{so_far} by the deadline")

    def _fail(self, failure: TransportFailure, detail: str) -> None:
        self._end_exchange(TransportError(failure, detail))
        self.abort()

    def _end_exchange(self, outcome: HttpAnswer | TransportError | UnansweredError) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is None or waiter.done():
            return
        if isinstance(outcome, HttpAnswer):
            waiter.set_result(outcome)
        else:
            waiter.set_exception(outcome)
