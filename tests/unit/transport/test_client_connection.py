"""One exchange of a client, byte by byte, without a socket."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from hyok.clock import NO_DEADLINE, Deadline, deadline_in
from hyok.transport.client_connection import ClientConnection, UnansweredError
from hyok.transport.exchange import HttpAnswer, TransportError, TransportFailure
from tests.unit.transport.doubles import RecordingTransport, deliver

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain \r\nContent-Length: 3\r\n\r\nabc"
OK_ANSWER = HttpAnswer(200, ((b"content-type", b"text/plain"), (b"content-length", b"3")), b"abc")


class Owner:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def welcome(self, connection: ClientConnection) -> None:
        self.events.append("welcome")

    def take_back(self, connection: ClientConnection) -> None:
        self.events.append("take back")

    def forget(self, connection: ClientConnection) -> None:
        self.events.append("forget")


class Scene:
    """A connection with an exchange under way."""

    def __init__(self, deadline: Deadline = NO_DEADLINE) -> None:
        self.owner = Owner()
        loop = asyncio.get_running_loop()
        self.connection = ClientConnection(self.owner, loop=loop, answer_bytes=1000)
        self.transport = RecordingTransport(self.connection)
        self.connection.connection_made(self.transport)
        self.task = loop.create_task(self.connection.exchange(b"request", deadline))

    async def receive(self, *pieces: bytes) -> None:
        await asyncio.sleep(0)
        for piece in pieces:
            deliver(self.connection, piece)
        await asyncio.sleep(0)

    async def failure(self) -> TransportFailure:
        with pytest.raises(TransportError) as raised:
            await self.task
        return raised.value.failure


def play(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scenario())


def test_a_request_is_sent_and_its_answer_returned_and_the_connection_kept() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.receive(OK)
        assert scene.transport.take() == b"request"
        assert await scene.task == OK_ANSWER
        assert scene.owner.events == ["welcome", "take back"]

    play(scenario)


def test_an_answer_may_come_in_pieces() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.receive(*(OK[at : at + 1] for at in range(len(OK))))
        assert await scene.task == OK_ANSWER

    play(scenario)


def test_a_chunked_answer_is_put_together_without_its_trailers() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.receive(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\nX: y\r\n\r\n"
        )
        assert await scene.task == HttpAnswer(200, ((b"transfer-encoding", b"chunked"),), b"abc")

    play(scenario)


def test_interim_answers_are_passed_over() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.receive(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK)
        assert await scene.task == OK_ANSWER
        assert scene.owner.events == ["welcome", "take back"]

    play(scenario)


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_ends_with_its_head(status: int) -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.receive(b"HTTP/1.1 %d X\r\n\r\n" % status)
        assert await scene.task == HttpAnswer(status, (), b"")

    play(scenario)


def test_an_answer_that_closes_ends_the_connection() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.receive(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        assert (await scene.task).status == 200
        assert scene.transport.is_closing()
        assert scene.owner.events == ["welcome", "forget"]

    play(scenario)


def test_a_body_that_lasts_until_the_end_of_the_connection_ends_there() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.receive(b"HTTP/1.1 200 OK\r\n\r\nabc", b"def")
        assert not scene.task.done()
        scene.connection.eof_received()
        assert await scene.task == HttpAnswer(200, (), b"abcdef")
        assert scene.transport.is_closing()

    play(scenario)


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\n\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 1000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"a" * 1000,
    ],
)
def test_what_is_no_answer_is_a_bad_answer_and_the_connection_is_cut(data: bytes) -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.receive(data)
        assert await scene.failure() is TransportFailure.BAD_ANSWER
        assert scene.transport.is_aborted
        assert "take back" not in scene.owner.events

    play(scenario)


@pytest.mark.parametrize("data", [b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc"])
def test_an_answer_that_breaks_off_is_a_bad_answer(data: bytes) -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.receive(data)
        scene.connection.eof_received()
        scene.transport.close()
        assert await scene.failure() is TransportFailure.BAD_ANSWER

    play(scenario)


def test_an_end_before_any_answer_is_told_apart() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.receive()
        scene.transport.close()
        with pytest.raises(UnansweredError):
            await scene.task
        assert scene.owner.events == ["welcome", "forget"]

    play(scenario)


def test_a_connection_that_was_closed_while_idle_is_told_apart_without_sending_anything() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.receive(OK)
        scene.transport.take()
        scene.transport.close()
        with pytest.raises(UnansweredError):
            await scene.connection.exchange(b"again", NO_DEADLINE)
        assert scene.transport.take() == b""

    play(scenario)


def test_a_tls_alert_in_place_of_an_answer_is_a_failure_of_tls() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.receive()
        scene.connection.connection_lost(ssl.SSLError(1, "alert bad certificate"))
        assert await scene.failure() is TransportFailure.NO_TLS

    play(scenario)


@pytest.mark.parametrize("is_closing", [False, True])
def test_an_alert_that_comes_before_the_first_request_is_a_failure_of_tls(*, is_closing: bool) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        connection = ClientConnection(Owner(), loop=loop, answer_bytes=1000)
        transport = RecordingTransport(connection)
        connection.connection_made(transport)
        alert = ssl.SSLError(1, "alert certificate required")
        if is_closing:  # the loop is about to say why
            transport.is_aborted = True
            loop.call_later(0.01, connection.connection_lost, alert)
        else:
            connection.connection_lost(alert)
        with pytest.raises(TransportError) as raised:
            await connection.exchange(b"request", deadline_in(5))
        assert raised.value.failure is TransportFailure.NO_TLS

    play(scenario)


def test_the_deadline_ends_an_exchange_and_cuts_the_connection() -> None:
    async def scenario() -> None:
        scene = Scene(deadline_in(0.02))
        await scene.receive(b"HTTP/1.1 200 OK\r\n")
        assert await scene.failure() is TransportFailure.TIMED_OUT
        assert scene.transport.is_aborted

    play(scenario)


def test_a_caller_that_goes_away_cuts_the_connection() -> None:
    async def scenario() -> None:
        scene = Scene(deadline_in(5))
        await scene.receive(b"HTTP/1.1 200 OK\r\n")
        scene.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await scene.task
        assert scene.transport.is_aborted

    play(scenario)


@pytest.mark.parametrize("together", [True, False])
def test_what_was_not_asked_for_never_becomes_the_next_answer(*, together: bool) -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.receive(*([OK + OK] if together else [OK, OK]))
        assert await scene.task == OK_ANSWER
        assert scene.transport.is_aborted

    play(scenario)


def test_connections_serve_one_exchange_after_another() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.receive(OK)
        assert await scene.task == OK_ANSWER
        for body in (b"1", b"22"):
            scene.task = asyncio.create_task(scene.connection.exchange(b"next", NO_DEADLINE))
            await scene.receive(b"HTTP/1.1 404 X\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            assert await scene.task == HttpAnswer(404, ((b"content-length", b"%d" % len(body)),), body)

    play(scenario)
