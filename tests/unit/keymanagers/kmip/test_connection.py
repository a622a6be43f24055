"""One message after another, however they are cut."""

from __future__ import annotations

import asyncio

import pytest

from hyok.clock import NO_DEADLINE
from hyok.keymanagers.kmip.connection import KmipConnection
from hyok.keymanagers.kmip.vocabulary import Operation
from hyok.transport.exchange import TransportError, TransportFailure
from tests.unit.keymanagers.kmip.messages_made import done, response
from tests.unit.transport.doubles import RecordingTransport, deliver

MESSAGE = response([done(Operation.LOCATE)])


class Owner:
    def __init__(self) -> None:
        self.kept = 0

    def welcome(self, connection: KmipConnection) -> None: ...

    def take_back(self, connection: KmipConnection) -> None:
        self.kept += 1

    def forget(self, connection: KmipConnection) -> None: ...


async def receive(*pieces: bytes, answer_bytes: int = 1000) -> tuple[bytes | TransportFailure, int]:
    """Return the answer that comes in these pieces, or how it failed, and how often the connection was kept."""
    owner = Owner()
    connection = KmipConnection(owner, loop=asyncio.get_running_loop(), answer_bytes=answer_bytes)
    transport = RecordingTransport(connection)
    connection.connection_made(transport)
    waiting = asyncio.create_task(connection.exchange(b"request", NO_DEADLINE))
    await asyncio.sleep(0)
    for piece in pieces:
        if not transport.is_closing():
            deliver(connection, piece)
    if not waiting.done():
        await asyncio.sleep(0)
        transport.close()
    try:
        return await waiting, owner.kept
    except TransportError as error:
        assert transport.is_closing()
        return error.failure, owner.kept


@pytest.mark.parametrize("size", [1, 3, 7, 8, 9, 1000])
def test_a_message_is_whole_however_it_is_cut(size: int) -> None:
    pieces = [MESSAGE[start : start + size] for start in range(0, len(MESSAGE), size)]
    assert asyncio.run(receive(*pieces)) == (MESSAGE, 1)


@pytest.mark.parametrize(
    "pieces",
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n",),
        (b"B", b"x"),
        (b"\x42\x00\x78\x01" + MESSAGE[4:],),  # a request
        (b"\x42\x00\x7b\x07" + MESSAGE[4:],),  # a text
        (b"\x42\x00\x7b\x01\xff\xff\xff\xff",),
        (MESSAGE[:4] + (1001).to_bytes(4),),
        (MESSAGE + b"\0",),
        (MESSAGE[:-1],),
        (MESSAGE[:5],),
    ],
)
def test_what_is_no_message_or_too_long_a_one_ends_the_connection(pieces: tuple[bytes, ...]) -> None:
    assert asyncio.run(receive(*pieces)) == (TransportFailure.BAD_ANSWER, 0)
