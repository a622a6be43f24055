"""One connection to a KMIP server: a request, its response, one at a time."""

from __future__ import annotations

import asyncio
from typing import Self

from hyok.keymanagers.kmip.ttlv import HEAD_BYTES, ItemType, frame_bytes
from hyok.keymanagers.kmip.vocabulary import Tag
from hyok.transport.exchange import TransportFailure
from hyok.transport.exchanging import ExchangeConnection, Owner

_HEAD = Tag.RESPONSE_MESSAGE.to_bytes(3) + bytes((ItemType.STRUCTURE,))


class KmipConnection(ExchangeConnection[bytes]):
    """Gathers one whole message, whose first eight bytes tell its length."""

    def __init__(self, owner: Owner[Self], *, loop: asyncio.AbstractEventLoop, answer_bytes: int) -> None:
        super().__init__(owner, loop=loop, answer_bytes=answer_bytes)
        self._message_limit = answer_bytes
        self._received = bytearray()

    def feed(self, data: bytes) -> None:
        """Read on."""
        self._received += data
        if not self._received.startswith(_HEAD[: len(self._received)]):
            self.fail(TransportFailure.BAD_ANSWER, "the answer is no KMIP response")
            return
        if len(self._received) < HEAD_BYTES:
            return
        wanted = frame_bytes(self._received)
        if wanted > self._message_limit:
            self.fail(TransportFailure.BAD_ANSWER, f"the answer is {wanted} bytes, more than {self._message_limit}")
        elif len(self._received) > wanted:
            self.fail(TransportFailure.BAD_ANSWER, f"{len(self._received) - wanted} bytes after the answer")
        elif len(self._received) == wanted:
            message = bytes(self._received)
            self._received.clear()
            self.finish(message, is_kept=True)
