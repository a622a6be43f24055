"""One exchange as a client sees it: an answer, or why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

import msgspec

from hyok.errors import HyokError

Headers = Sequence[tuple[bytes, bytes]]


class HttpAnswer(NamedTuple):
    """A whole answer."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    """Name in lower case, value without surrounding white space, in order of arrival."""
    body: bytes


class TransportFailure(Enum):
    """Why there is no answer."""

    NO_CONNECTION = "no connection"
    """No TCP connection by the deadline: name not found, refused, unreachable; or it broke before any answer came."""
    NO_NETWORK = "no network"
    """No TCP connection, and the fault is on this side: no route, no interface, no socket or port left."""
    NO_TLS = "no TLS"
    """The handshake failed: a certificate not trusted, expired, of another name; no common suite; ours refused."""
    TIMED_OUT = "timed out"
    """Connected, but not answered by the deadline."""
    BAD_ANSWER = "bad answer"
    """What came is not HTTP/1.1, is longer than allowed, or ended half-way."""


class TransportError(HyokError):
    """The one error of an exchange. `detail` is for the operator."""

    def __init__(self, failure: TransportFailure, detail: str) -> None:
        super().__init__(f"{failure.value}: {detail}")
        self.failure = failure
        self.detail = detail


class ClientLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a client keeps and what it takes."""

    connections: int = 64
    """To one server; a further exchange waits for a free one, within its deadline."""
    idle_seconds: float = 60.0
    """A connection that was not used for so long is closed."""
    answer_bytes: int = 256 * 1024
    """Head and body of one answer together."""


def encode_request(*, method: bytes, target: bytes, headers: Headers, body: bytes) -> bytes:
    """Return a request as bytes, with `content-length` added. `headers` must have `host`.

    Raises ValueError if a part holds a line break, which would end it and begin something else.
    """
    lines = [b"%b: %b\r\n" % header for header in headers]
    head = b"%b %b HTTP/1.1\r\n%bcontent-length: %d\r\n\r\n" % (method, target, b"".join(lines), len(body))
    if head.count(b"\n") != len(lines) + 3 or head.count(b"\r") != len(lines) + 3:
        raise ValueError("a line break in the target or in a header of a request")
    return head + body
