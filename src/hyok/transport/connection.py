"""One client's connection: requests answered in order, and an end as HTTP/1.1 wants it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

from hyok.transport.messages import HttpRequest, HttpResponse, Peer, Refusal
from hyok.transport.reader import RequestReader
from hyok.transport.responses import CONTINUE
from hyok.transport.sockets import Address
from hyok.transport.steps import Begun, Paused, Reply
from hyok.transport.tls import common_name

if TYPE_CHECKING:
    from hyok.transport.server import HttpServer

_log = logging.getLogger("hyok.transport")
_NEVER = float("inf")


class HttpConnection(asyncio.BufferedProtocol):
    """Reads requests, runs the service when the turn asks for it, hands the answers to the turn.

    A request whose answer never waits costs no task and no timer: the coroutine runs at once, and a sweep over all
    connections looks at `expires_at`.
    """

    __slots__ = (
        "_accepted_at",
        "_answer",
        "_answering",
        "_buffer",
        "_closes_when_sent",
        "_encode",
        "_idle_seconds",
        "_is_closing",
        "_is_reading_paused",
        "_is_refused",
        "_is_writing_paused",
        "_reader",
        "_server",
        "_task",
        "_transport",
        "_turn",
        "_unsent",
        "client",
        "expires_at",
    )

    def __init__(self, server: HttpServer, client: Address) -> None:
        self._accepted_at = monotonic()  # made at accept, before the TLS handshake
        self._server = server
        self._answer = server.service.answer
        self._encode = server.encoder.encode
        self._turn = server.turn
        self._buffer = server.buffer
        self._idle_seconds = server.limits.idle_seconds
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[HttpResponse] | Paused | None = None
        """The answer that is being made, if it waits for something."""
        self._answering = HttpRequest(Peer("", ""))
        self._unsent = 0
        """Answers that the turn has: their records may not be safe yet."""
        self._is_refused = self._is_closing = self._is_reading_paused = self._is_writing_paused = False
        self._closes_when_sent = False
        self.client = client
        """Whose connection it is. From accept: a socket that was reset since does not tell any more."""
        self.expires_at = _NEVER
        """When `expire` is due, in `time.monotonic` seconds."""

    # The event loop calls these.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start to listen to the client."""
        self._transport = cast("asyncio.Transport", transport)
        peer = Peer(str(self.client), common_name(transport.get_extra_info("peercert")))
        limits = self._server.limits
        self._reader = RequestReader(peer, accepted_at=self._accepted_at, limits=limits, budget=self._server.budget)
        self.expires_at = monotonic() + self._idle_seconds
        if self._server.is_draining:  # its handshake was under way when the drain began
            self._reader.is_last = True
            self.expires_at = monotonic() + limits.closing_seconds
        self._server.enter(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Lend the place where the next bytes go: one for all connections, as each is read before the next is lent."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Read on; the requests that are whole now are answered in this turn."""
        reader = self._reader
        if reader.is_finished:
            return  # nothing that comes after the last request matters
        now = monotonic()
        reader.feed(self._buffer[:nbytes], now)
        if reader.requests and self._task is None:
            self._turn.ask(self)
            self.expires_at = now + self._idle_seconds
        else:
            self._settle(now)

    def eof_received(self) -> bool:
        """Take no more requests: the client has gone, or has only ended its side.

        Answers that are made already still leave; one that is being made is given up, as nobody may wait for it.
        Over TLS the event loop closes the transport when this returns, whatever it returns: what is to leave leaves
        before. That is what can be answered without waiting, and of that what has a record that is safe at once.
        """
        transport = self._transport
        reader = self._reader
        reader.finish()
        if transport is None:
            return False
        if transport.get_extra_info("ssl_object") is not None:
            if (reader.requests or self._unsent) and not self._is_closing:
                self._turn.end_now()
            return False
        if self._task is not None:
            return False
        self._server.loop.call_soon(self._close_if_done)  # behind the answers of this turn
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the work that nobody waits for any more."""
        self._transport = None
        self._server.forget(self)
        self._reader.finish()
        self._reader.requests.clear()
        if isinstance(self._task, Paused):
            self._task = self._in_task(*self._task)
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        """Answer no more: the client does not read."""
        self._is_writing_paused = True
        self._settle(monotonic())

    def resume_writing(self) -> None:
        """Answer what has waited."""
        self._is_writing_paused = False
        self._go_on()

    # The turn calls these.

    def answer_requests(self) -> None:
        """Go on with the answer that has waited, if it can; answer the requests that came whole."""
        task = self._task
        if isinstance(task, Paused) and task.reply.done():
            self._task = None
            self._advance(self._answering, task.coroutine)
            self._go_on()
            return
        self._answer_requests()
        reader = self._reader
        if reader.is_reading or reader.requests or reader.refusal is not None or self._task is not None:
            self._settle(monotonic())

    def write(self, payload: bytes, is_last: bool) -> None:
        """Send an answer that may leave."""
        transport = self._transport
        self._unsent -= 1
        if transport is None:
            return
        transport.write(payload)
        if is_last:
            self._end(transport)
        elif self._closes_when_sent:
            self._close_if_done()

    # The server calls these.

    def end_soon(self) -> None:
        """Let the answer to the next request be the last, or the one that is being made."""
        if self._task is None and not self._reader.requests:
            self._reader.is_last = True
        else:
            self.shutdown()

    def shutdown(self) -> None:
        """Close after the requests that have come, or have begun to come, are answered. uvicorn calls this at drain."""
        if self._reader.is_reading:
            self._reader.is_last = True
        elif not self._is_refused:  # that one is about to end
            self._reader.finish()
            self._server.loop.call_soon(self._close_if_done)

    def expire(self, now: float) -> None:
        """End what has lasted too long."""
        transport = self._transport
        if transport is None:
            return
        if self._is_closing:
            transport.abort()
        elif self._reader.is_reading:
            self._reader.refuse(Refusal.TOO_SLOW)
            self._settle(now)
        else:
            self._close(transport)

    def abort(self) -> None:
        """Cut the connection."""
        if self._transport is not None:
            self._transport.abort()

    # Helpers, in order of use.

    def _answer_requests(self) -> None:
        requests = self._reader.requests
        while requests and self._task is None and not self._is_writing_paused:
            request = requests.popleft()
            self._advance(request, self._answer(request))

    def _advance(self, request: HttpRequest, coroutine: Coroutine[Any, Any, HttpResponse]) -> None:
        """Run what makes an answer to its end, or to where it waits."""
        try:
            waiting_for = coroutine.send(None)
        except StopIteration as end:
            self._send(request, end.value)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  # a fault of one request stays with it
            self._send(request, self._failed(error))
        else:
            self._answering = request
            if isinstance(waiting_for, Reply):
                waiting_for.go_on = self._ask_turn
                self._task = Paused(coroutine, waiting_for)
            else:
                self._task = self._in_task(coroutine, waiting_for)

    def _ask_turn(self) -> None:
        self._turn.ask(self)

    def _in_task(self, coroutine: Coroutine[Any, Any, HttpResponse], waiting_for: object) -> asyncio.Task[HttpResponse]:
        task = self._server.loop.create_task(Begun(coroutine, waiting_for))
        self._server.tasks.add(task)
        # Not at the end of the task itself: the next request must not run inside this one's task.
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[HttpResponse]) -> None:
        self._server.tasks.discard(task)
        self._task = None
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if self._transport is None:
            return
        self._send(self._answering, task.result() if error is None else self._failed(error))
        self._go_on()

    def _failed(self, error: BaseException) -> HttpResponse:
        _log.error("an answer could not be made: the service raised %s", type(error).__name__, exc_info=error)
        return self._server.service.answer_failed()

    def _send(self, request: HttpRequest, response: HttpResponse) -> None:
        reader = self._reader
        is_last = reader.is_finished and not reader.requests and reader.refusal is None
        is_head = request.method == b"HEAD"
        self._unsent += 1
        self._turn.add(self, self._encode(response, is_last, is_head), is_last, is_head)

    def _go_on(self) -> None:
        self._answer_requests()
        self._settle(monotonic())

    def _settle(self, now: float) -> None:
        """Decide what comes next where it is not simply the next request."""
        reader = self._reader
        self._control_reading()
        if self._task is not None:
            self.expires_at = _NEVER  # the service answers in time
        elif reader.requests:
            self.expires_at = now + self._idle_seconds  # the client does not read its answers
        elif reader.is_reading:
            self.expires_at = reader.gives_up_at()
            if reader.awaits_continue:
                self._server.loop.call_soon(self._invite_body)  # behind the answers of this turn
        elif reader.refusal is not None:
            self._refuse(reader.refusal)
        elif not reader.is_finished:
            self.expires_at = now + self._idle_seconds

    def _control_reading(self) -> None:
        too_much = self._is_writing_paused or len(self._reader.requests) >= self._server.limits.pipelined_requests
        if self._transport is None or too_much == self._is_reading_paused:
            return
        self._is_reading_paused = too_much
        if too_much:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _invite_body(self) -> None:
        if self._reader.awaits_continue:
            self._reader.awaits_continue = False
            self._unsent += 1
            self.write(CONTINUE, False)

    def _refuse(self, refusal: Refusal) -> None:
        if self._is_refused:
            return
        self._is_refused = True
        try:
            response = self._server.service.refuse(refusal, self._reader.peer)
        except Exception as error:  # noqa: BLE001  # a fault of one request stays with it
            response = self._failed(error)
        self._unsent += 1
        self._turn.add(self, self._encode(response, True), True)

    def _close_if_done(self) -> None:
        if self._transport is None or self._task is not None or self._reader.requests:
            return
        self._closes_when_sent = self._unsent > 0
        if not self._closes_when_sent:
            self._close(self._transport)

    def _end(self, transport: asyncio.Transport) -> None:
        if self._is_refused and not self._is_closing:
            # The client may still be sending. To close now would reset the connection, and the refusal with it.
            self.expires_at = monotonic() + self._server.limits.closing_seconds
        else:
            self._close(transport)

    def _close(self, transport: asyncio.Transport) -> None:
        self._reader.finish()
        self._is_closing = True
        self.expires_at = monotonic() + self._server.limits.closing_seconds
        transport.close()
