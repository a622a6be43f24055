"""One connection of a client that speaks HTTP/1.1: the sibling of `connection.py`."""

from __future__ import annotations

import asyncio
from typing import Self

import httptools

from hyok.transport.exchange import HttpAnswer, TransportFailure
from hyok.transport.exchanging import ExchangeConnection, Owner, UnansweredError

__all__ = ["ClientConnection", "UnansweredError"]

_FIRST_FINAL_STATUS = 200
_SWITCHING_PROTOCOLS = 101


class ClientConnection(ExchangeConnection[HttpAnswer]):
    """Sends a request, reads its answer."""

    def __init__(self, owner: Owner[Self], *, loop: asyncio.AbstractEventLoop, answer_bytes: int) -> None:
        super().__init__(owner, loop=loop, answer_bytes=answer_bytes)
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[bytes, bytes]] = []
        self._status = 0  # until the head of the answer is there
        self._body: list[bytes] = []

    def feed(self, data: bytes) -> None:
        """Read on."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.fail(TransportFailure.BAD_ANSWER, f"the answer is not HTTP/1.1 ({error})")

    def finish_at_eof(self) -> None:
        """End an answer whose body lasts until the server closes."""
        framed = {b"content-length", b"transfer-encoding"}
        if self._status and not any(name in framed for name, _ in self._headers):
            self._finish_answer(is_kept=False)

    # The parser calls these.

    def on_message_begin(self) -> None:
        """Take only what was asked for."""
        if not self.is_waited_for:
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
        if self._status and self.is_waited_for:
            self._finish_answer(is_kept=self._parser.should_keep_alive())

    def _finish_answer(self, *, is_kept: bool) -> None:
        answer = HttpAnswer(self._status, tuple(self._headers), b"".join(self._body))
        self._status = 0
        self._headers.clear()
        self._body.clear()
        self.finish(answer, is_kept=is_kept)
