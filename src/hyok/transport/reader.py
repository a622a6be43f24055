"""Bytes in, whole requests out: the server's half of HTTP/1.1 (RFC 9112) without a socket.

llhttp, the parser beneath, is strict about line ends, folds, control characters, chunk sizes and two lengths. What it
lets through and this module refuses: no `Host` or two, two `Authorization` or `X-Amz-Date`, transfer codings besides
`chunked`, targets in absolute form, CONNECT, versions other than 1.0 and 1.1, expectations other than `100-continue`.
Trailers are read and forgotten: they must not change a head that was already checked.
"""

from __future__ import annotations

from collections import deque
from typing import NoReturn

import httptools

from hyok.clock import Deadline
from hyok.transport.limits import Limits, TimeBudget
from hyok.transport.messages import HttpRequest, Peer, Refusal

# Headers that the reader itself looks at; all others it only collects.
_NOTED = frozenset(
    (
        b"host",
        b"x-amz-date",
        b"authorization",
        b"content-length",
        b"transfer-encoding",
        b"connection",
        b"upgrade",
        b"expect",
    )
)


class RequestReader:
    """Reads the requests of one connection."""

    __slots__ = (
        "_accepted_at",
        "_body",
        "_body_bytes",
        "_budget",
        "_head_bytes",
        "_header_count",
        "_headers",
        "_is_chunked",
        "_is_first",
        "_is_head_read",
        "_is_unusual",
        "_is_upgrading",
        "_limits",
        "_now",
        "_parser",
        "_reason",
        "_remaining",
        "_request",
        "_request_seconds",
        "_silent_bytes",
        "awaits_continue",
        "is_finished",
        "is_last",
        "is_reading",
        "peer",
        "refusal",
        "requests",
    )

    def __init__(self, peer: Peer, *, accepted_at: float, limits: Limits, budget: TimeBudget) -> None:
        self.peer = peer
        self.requests: deque[HttpRequest] = deque()
        """Those that came whole, in order, for the connection to take."""
        self.is_reading = False
        """A part of a request has come."""
        self.awaits_continue = False
        """The client of that request holds its body back until it is told `100 Continue`."""
        self.is_last = False
        """No other request is to follow the one being read."""
        self.is_finished = False
        """No request follows those in `requests`; not to be fed any more."""
        self.refusal: Refusal | None = None
        """Why the rest was not read."""

        self._accepted_at = accepted_at
        self._limits = limits
        self._budget = budget
        # Copies of what each request needs, one look-up nearer.
        self._head_bytes = limits.head_bytes
        self._body_bytes = limits.body_bytes
        self._header_count = limits.header_count
        self._request_seconds = budget.request_seconds

        self._parser = httptools.HttpRequestParser(self)
        self._now = accepted_at
        self._is_first = True
        self._remaining = limits.requests_per_connection
        self._silent_bytes = 0  # fed since the last end of a head, piece of a body or end of a request
        self._reason: Refusal | None = None
        self._request = HttpRequest(peer)
        self._headers = self._request.headers
        self._body: bytes | bytearray = b""
        self._is_head_read = self._is_unusual = self._is_chunked = self._is_upgrading = False

    def feed(self, data: bytes | memoryview, now: float) -> None:
        """Read on. `now` is `time.monotonic` seconds at the arrival of `data`."""
        self._now = now
        silent_bytes = self._silent_bytes + len(data)
        if silent_bytes < self._head_bytes:
            self._silent_bytes = silent_bytes
            self._parse(data)
        else:
            self._feed_in_pieces(memoryview(data))

    def gives_up_at(self) -> float:
        """Return when the request being read must be whole, or its head."""
        limits = self._limits
        return self._request.received_at + (limits.message_seconds if self._is_head_read else limits.head_seconds)

    def refuse(self, refusal: Refusal) -> None:
        """Read no further, for this reason; the requests that came whole before stay."""
        self.refusal = refusal
        self.finish()

    def finish(self) -> None:
        """Read no further."""
        self.is_finished = True
        self.is_reading = False
        self.awaits_continue = False

    # The parser calls these.

    def on_message_begin(self) -> None:
        """Start a request at its first byte."""
        if self.is_finished:
            raise _StopParsingError
        self._request = request = HttpRequest(self.peer)
        self._headers = request.headers
        request.received_at = self._now
        self.is_reading = True

    def on_url(self, piece: bytes) -> None:
        """Take the request's target."""
        self._request.target += piece

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header."""
        name = name.lower()
        value = value.rstrip()
        self._headers.append((name, value))
        if name not in _NOTED or self._is_head_read:
            return
        request = self._request
        if name == b"host":
            if request.host or not value:
                self._stop(Refusal.MALFORMED)
            request.host = value
        elif name == b"x-amz-date":
            if request.amz_date or not value:
                self._stop(Refusal.MALFORMED)
            request.amz_date = value
        elif name == b"authorization":
            if request.authorization or not value:
                self._stop(Refusal.MALFORMED)
            request.authorization = value
        else:
            self._note(name, value)

    def on_headers_complete(self) -> None:
        """Check the head."""
        request = self._request
        request.method = self._parser.get_method()
        if len(self._headers) > self._header_count:
            self._stop(Refusal.HEAD_TOO_LARGE)
        if request.target[:1] != b"/" or request.method == b"CONNECT":
            self._stop(Refusal.MALFORMED)
        if self._is_unusual or not self._parser.should_keep_alive():
            self._check_unusual(request)
        elif not request.host:
            self._stop(Refusal.MALFORMED)
        self._headers = []  # what still comes are trailers
        self._is_head_read = True
        self._silent_bytes = 0

    def on_body(self, piece: bytes) -> None:
        """Take a piece of the body."""
        if not self._body:
            self._body = piece
        else:
            if isinstance(self._body, bytes):
                self._body = bytearray(self._body)
            self._body += piece
        if len(self._body) > self._body_bytes:
            self._stop(Refusal.BODY_TOO_LARGE)
        self._silent_bytes = 0
        self.awaits_continue = False

    def on_message_complete(self) -> None:
        """Put a whole request where the connection takes it."""
        if self._is_upgrading:
            return
        request = self._request
        request.body = bytes(self._body)
        request.deadline = Deadline(request.received_at + self._request_seconds)
        if self._is_first:
            self._count_from_accept(request)
        self.requests.append(request)
        self._body = b""
        self._silent_bytes = 0
        self.is_reading = self._is_head_read = False
        if self._is_unusual:
            self._is_unusual = self._is_chunked = self.awaits_continue = False
        self._remaining -= 1
        if self.is_last or not self._remaining:
            self.finish()

    # Helpers, in order of use.

    def _feed_in_pieces(self, data: memoryview) -> None:
        # Cut so that no piece exceeds what a head may still have: the limit is exact and costs nothing elsewhere.
        while data and not self.is_finished:
            piece = data[: self._head_bytes - self._silent_bytes]
            data = data[len(piece) :]
            self._silent_bytes += len(piece)
            self._parse(piece)
            if self._silent_bytes >= self._head_bytes and not self.is_finished:
                self.refuse(Refusal.HEAD_TOO_LARGE)

    def _parse(self, piece: bytes | memoryview) -> None:
        try:
            self._parser.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            self._read_body_of_upgrade(piece[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            if self.is_finished:
                return  # more came after the last request
            if isinstance(error, httptools.HttpParserCallbackError) and self._reason is None:
                raise error.__context__ or error from None  # a fault of ours, not the client's
            self.refuse(self._reason or Refusal.MALFORMED)

    def _stop(self, reason: Refusal) -> NoReturn:
        self._reason = reason
        raise _StopParsingError

    def _note(self, name: bytes, value: bytes) -> None:
        if name == b"content-length":
            if int(value) > self._body_bytes:  # llhttp has seen to it that these are digits
                self._stop(Refusal.BODY_TOO_LARGE)
            return
        self._is_unusual = True
        if name == b"transfer-encoding":
            if value.lower() != b"chunked":
                self._stop(Refusal.MALFORMED)
            self._is_chunked = True
        elif name == b"expect":
            if value.lower() != b"100-continue":
                self._stop(Refusal.MALFORMED)
            self.awaits_continue = True

    def _check_unusual(self, request: HttpRequest) -> None:
        version = self._parser.get_http_version()
        if version == "1.0":
            if self._is_chunked:
                self._stop(Refusal.MALFORMED)
            self.awaits_continue = False
            self.is_last = True
        elif version != "1.1" or not request.host:
            self._stop(Refusal.MALFORMED)
        if not self._parser.should_keep_alive():
            self.is_last = True
        if self._parser.should_upgrade():
            self._is_upgrading = self.is_last = True

    def _read_body_of_upgrade(self, rest: bytes | memoryview) -> None:
        # RFC 9110 7.8: a server may ignore Upgrade. llhttp cannot: it takes what follows for another protocol. So a
        # second parser reads the body, told only how it is framed.
        self._is_upgrading = False
        length = self._request.header(b"content-length") or b"0"
        framing = b"transfer-encoding: chunked" if self._is_chunked else b"content-length: " + length
        self._parser = httptools.HttpRequestParser(_BodyCallbacks(self))
        self._parse(b"POST / HTTP/1.1\r\n" + framing + b"\r\n\r\n")
        if rest and not self.is_finished:
            self._parse(rest)

    def _count_from_accept(self, request: HttpRequest) -> None:
        self._is_first = False
        if request.received_at - self._accepted_at < self._budget.call_seconds:
            request.deadline = Deadline(self._accepted_at + self._budget.first_request_seconds)


class _BodyCallbacks:
    """What a parser calls that is to read a body only."""

    __slots__ = ("on_body", "on_message_complete")

    def __init__(self, reader: RequestReader) -> None:
        self.on_body = reader.on_body
        self.on_message_complete = reader.on_message_complete


class _StopParsingError(Exception):
    """Ends the parser's run; never leaves this module."""
