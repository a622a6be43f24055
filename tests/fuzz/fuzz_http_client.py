"""Invariant: whatever a server sends, an exchange ends, with an answer or with a TransportError."""

from __future__ import annotations

import asyncio

from hyok.clock import NO_DEADLINE
from hyok.transport.client_connection import ClientConnection, UnansweredError
from hyok.transport.exchange import HttpAnswer, TransportError
from tests.unit.transport.doubles import RecordingTransport, deliver

SEEDS = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\nbody",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nX-T: 1\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
)


class Owner:
    """Keeps what is given back."""

    def __init__(self) -> None:
        self.kept = 0

    def welcome(self, connection: ClientConnection) -> None:
        """Take no interest."""

    def take_back(self, connection: ClientConnection) -> None:
        """Count it."""
        self.kept += 1

    def forget(self, connection: ClientConnection) -> None:
        """Take no interest."""


def fuzz_one(data: bytes) -> None:
    """Let a server answer with the data and end, as a whole and cut in the middle."""
    whole = asyncio.run(exchange([data]))
    cut = asyncio.run(exchange([data[: len(data) // 2], data[len(data) // 2 :]]))
    assert whole == cut


async def exchange(parts: list[bytes]) -> HttpAnswer | str:
    """Return the answer, or the name of the failure."""
    owner = Owner()
    connection = ClientConnection(owner, loop=asyncio.get_running_loop(), answer_bytes=10_000)
    transport = RecordingTransport(connection)
    connection.connection_made(transport)
    task = asyncio.create_task(connection.exchange(b"request", NO_DEADLINE))
    await asyncio.sleep(0)
    for part in parts:
        if not transport.is_closing():
            deliver(connection, part)
    if not transport.is_closing():
        connection.eof_received()
        transport.close()
    await asyncio.sleep(0)
    assert owner.kept <= 1
    try:
        answer = await asyncio.wait_for(task, 1)
    except TransportError as error:
        return error.failure.name
    except UnansweredError:
        assert not any(parts)
        return "unanswered"
    assert answer.status >= 200
    return answer
