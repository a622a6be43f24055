"""HTTP as the services see it: whole requests in, whole responses out, no sockets."""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import Protocol

from msgspec import Struct

from hyok.clock import Deadline


class Peer(Struct, frozen=True):
    """Who is at the other end of a connection."""

    address: str
    """IP address and port, for example `127.0.0.1:51234`."""
    certificate_subject: str
    """The client certificate's common name; empty without mutual TLS."""


class HttpRequest:
    """One request as received: nothing decoded, nothing normalised.

    `host`, `amz_date` and `authorization` are picked while the head arrives, because every request needs them; empty if
    absent. The transport refuses duplicates of these three before a service sees the request.
    """

    __slots__ = (
        "amz_date",
        "authorization",
        "body",
        "deadline",
        "headers",
        "host",
        "method",
        "peer",
        "received_at",
        "target",
    )

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.method = b""
        self.target = b""
        """Path and query exactly as on the request line."""
        self.host = b""
        self.amz_date = b""
        self.authorization = b""
        self.headers: list[tuple[bytes, bytes]] = []
        """Name in lower case, value without surrounding white space, in order of arrival."""
        self.body = b""
        self.received_at = 0.0
        """`time.monotonic` seconds at the request's first byte."""
        self.deadline = Deadline(0.0)
        """When the answer must have left, counted from the first byte (from accept on a connection's first request)."""

    def header(self, name: bytes) -> bytes:
        """Return the first value of a header (name in lower case), or nothing."""
        for present, value in self.headers:
            if present == name:
                return value
        return b""


class HttpResponse(Struct, gc=False):
    """One answer. The transport adds `content-length` and the connection headers."""

    status: int
    body: bytes
    content_type: bytes = b"application/json"
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Refusal(Enum):
    """Why the transport refuses a request before any service has seen it. The value is the HTTP status by default."""

    MALFORMED = 400
    """Not HTTP/1.1, or ambiguous: two lengths, two hosts, a line fold, a NUL byte."""
    HEAD_TOO_LARGE = 431
    BODY_TOO_LARGE = 413
    TOO_SLOW = 408


class HttpService(Protocol):
    """What a server serves."""

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer one request; never raises. Runs outside a task up to its first wait."""
        ...

    def refuse(self, refusal: Refusal, peer: Peer) -> HttpResponse:
        """Put a refusal of the transport into the service's own words; the connection is closed after it."""
        ...

    def before_answers_leave(self) -> asyncio.Future[None] | None:
        """Make records safe. Called once per turn of the loop, before the answers of that turn are written.

        They wait until what is returned is done. If this raises, or that fails, none of them leaves: each is replaced
        by `answer_failed`.
        """
        ...

    def answer_failed(self) -> HttpResponse:
        """Return what leaves in place of an answer that could not be made, or whose record could not be made durable.

        An internal error in the service's own words; no record of it is expected.
        """
        ...
