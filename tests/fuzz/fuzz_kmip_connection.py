"""Invariant: a stream of bytes is the same answer, or the same failure, however it is cut.

After an answer the connection is kept once; after a failure it is closed.
"""

from __future__ import annotations

import asyncio

from hyok.clock import NO_DEADLINE
from hyok.keymanagers.kmip.connection import KmipConnection
from hyok.keymanagers.kmip.ttlv import HEAD_BYTES, frame_bytes
from hyok.transport.exchange import TransportError
from hyok.transport.exchanging import UnansweredError
from tests.fuzz.fuzz_kmip_response import SEEDS as RESPONSES
from tests.unit.transport.doubles import RecordingTransport, deliver

SEEDS = RESPONSES[:6]


class Owner:
    """Counts how often the connection is kept."""

    def __init__(self) -> None:
        self.kept = 0

    def welcome(self, connection: KmipConnection) -> None:
        """Take no interest."""

    def take_back(self, connection: KmipConnection) -> None:
        """Count it."""
        self.kept += 1

    def forget(self, connection: KmipConnection) -> None:
        """Take no interest."""


def fuzz_one(data: bytes) -> None:
    """Let a server answer with the data and end: as a whole, cut in the middle and in single bytes."""
    if len(data) >= HEAD_BYTES:
        data = data[: frame_bytes(data)]  # what comes after an answer depends on when it comes
    whole = asyncio.run(receive([data]))
    middle = len(data) // 2
    assert asyncio.run(receive([data[:middle], data[middle:]])) == whole
    if len(data) < 64:
        assert asyncio.run(receive([data[at : at + 1] for at in range(len(data))])) == whole


async def receive(parts: list[bytes]) -> bytes | str:
    """Return the answer, or the name of the failure."""
    owner = Owner()
    connection = KmipConnection(owner, loop=asyncio.get_running_loop(), answer_bytes=10_000)
    transport = RecordingTransport(connection)
    connection.connection_made(transport)
    waiting = asyncio.create_task(connection.exchange(b"request", NO_DEADLINE))
    await asyncio.sleep(0)
    for part in parts:
        if not transport.is_closing() and not owner.kept:
            deliver(connection, part)
    if not owner.kept:
        transport.close()
    try:
        answer = await asyncio.wait_for(waiting, 1)
    except TransportError as error:
        assert not owner.kept
        return error.failure.name
    except UnansweredError:
        assert not any(parts)
        return "unanswered"
    assert owner.kept == 1
    return answer
