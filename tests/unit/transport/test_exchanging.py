"""What tells a request that never left from one that may have been seen."""

from __future__ import annotations

import asyncio

import pytest

from hyok.clock import NO_DEADLINE, deadline_in
from hyok.transport.client_connection import ClientConnection
from hyok.transport.exchange import TransportError, TransportFailure
from hyok.transport.exchanging import UnansweredError, UnsentError
from tests.unit.transport.doubles import RecordingTransport, deliver

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Owner:
    def welcome(self, connection: ClientConnection) -> None: ...

    def take_back(self, connection: ClientConnection) -> None: ...

    def forget(self, connection: ClientConnection) -> None: ...


async def answered_once() -> tuple[ClientConnection, RecordingTransport]:
    """A connection that is kept after its first exchange."""
    connection = ClientConnection(Owner(), loop=asyncio.get_running_loop(), answer_bytes=1000)
    transport = RecordingTransport(connection)
    connection.connection_made(transport)
    exchange = asyncio.create_task(connection.exchange(b"first", NO_DEADLINE))
    await asyncio.sleep(0)
    deliver(connection, OK)
    await exchange
    transport.take()
    return connection, transport


async def turns(count: int = 3) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_the_requests_of_one_turn_leave_together_after_the_work_for_all_of_them() -> None:
    async def scenario() -> None:
        kept = [await answered_once() for _ in range(2)]
        written: list[bytes] = []
        exchanges = []
        for connection, transport in kept:
            exchange = connection.exchange(b"next", NO_DEADLINE)
            exchange.send(None)
            exchanges.append(exchange)
            written += [transport.take()]
        assert written == [b"", b""]
        await turns()
        assert [transport.take() for _, transport in kept] == [b"next", b"next"]
        for exchange in exchanges:
            exchange.close()

    asyncio.run(scenario())


def test_a_deadline_that_comes_before_that_of_an_earlier_exchange_holds_and_one_that_was_met_ends_nothing() -> None:
    async def scenario() -> None:
        connection, _ = await answered_once()
        exchange = asyncio.create_task(connection.exchange(b"patient", deadline_in(0.05)))
        await turns()
        deliver(connection, OK)
        await exchange
        exchange = asyncio.create_task(connection.exchange(b"more patient", deadline_in(5)))
        await asyncio.sleep(0.1)
        assert not exchange.done()
        deliver(connection, OK)
        await exchange
        with pytest.raises(TransportError) as raised:
            await connection.exchange(b"impatient", deadline_in(0.02))
        assert raised.value.failure is TransportFailure.TIMED_OUT

    asyncio.run(scenario())


def test_on_a_connection_that_is_closing_a_request_never_leaves() -> None:
    async def scenario() -> None:
        connection, transport = await answered_once()
        transport.close()
        with pytest.raises(UnsentError):
            await connection.exchange(b"second", NO_DEADLINE)
        assert not transport.take()

    asyncio.run(scenario())


def test_a_request_that_left_before_the_connection_closed_may_have_been_seen() -> None:
    async def scenario() -> None:
        connection, transport = await answered_once()
        exchange = asyncio.create_task(connection.exchange(b"second", NO_DEADLINE))
        await turns()
        assert transport.take() == b"second"
        transport.close()
        with pytest.raises(UnansweredError) as raised:
            await exchange
        assert not isinstance(raised.value, UnsentError)

    asyncio.run(scenario())
