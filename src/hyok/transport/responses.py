"""Answers as bytes (RFC 9112)."""

from __future__ import annotations

from email.utils import formatdate
from http import HTTPStatus

from hyok.transport.messages import HttpResponse

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


class ResponseEncoder:
    """Writes answers. What repeats is kept: the first lines of each status and content type, the date of the second."""

    __slots__ = ("_date", "_heads")

    def __init__(self, unix_seconds: float) -> None:
        self._heads: dict[tuple[int, bytes], bytes] = {}
        self._date = b""
        self.set_date(unix_seconds)

    def set_date(self, unix_seconds: float) -> None:
        """Give the time that the `date` header tells (SDKs correct their clock by it). Call it about once a second."""
        date = b"date: %b\r\n" % formatdate(unix_seconds, usegmt=True).encode()
        if date != self._date:
            self._date = date
            self._heads.clear()

    def encode(self, response: HttpResponse, closes: bool = False, is_head: bool = False) -> bytes:
        """Return the whole answer; with `is_head` all of it but the body."""
        key = (response.status, response.content_type)
        head = self._heads.get(key)
        if head is None:
            head = self._heads[key] = self._head(response.status, response.content_type)
        body = response.body
        if not (response.headers or closes or is_head or response.status in _BODILESS):
            return b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body)
        more = [b"%b: %b\r\n" % header for header in response.headers]
        if response.status not in _BODILESS:
            more.append(b"content-length: %d\r\n" % len(body))
        if closes:
            more.append(b"connection: close\r\n")
        more.append(b"\r\n")
        if not is_head and response.status not in _BODILESS:
            more.append(body)
        return head + b"".join(more)

    def _head(self, status: int, content_type: bytes) -> bytes:
        try:
            phrase = HTTPStatus(status).phrase.encode()
        except ValueError:
            phrase = b""
        return b"HTTP/1.1 %d %b\r\n%bcontent-type: %b\r\n" % (status, phrase, self._date, content_type)
