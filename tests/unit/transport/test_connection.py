"""One connection, turn by turn: order, ends, back-pressure. No socket, so that nothing depends on time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from time import monotonic
from typing import Any

import pytest

from hyok.transport.connection import HttpConnection
from hyok.transport.limits import ConnectionLimit, Limits, TimeBudget, counted_address
from hyok.transport.messages import HttpRequest, HttpResponse, Refusal
from hyok.transport.server import HttpServer
from hyok.transport.sockets import Address
from hyok.transport.steps import Reply
from tests.unit.transport.doubles import Answer, RecordingTransport, ScriptedService, answer_with_target, deliver


class Scene:
    """A server with one connection."""

    def __init__(self, answer: Answer = answer_with_target, limits: Limits | None = None) -> None:
        self.service = ScriptedService(answer)
        self.server = HttpServer(self.service, limits=limits or Limits(), budget=TimeBudget())
        self.connection, self.transport = self.connect()

    def connect(self) -> tuple[HttpConnection, RecordingTransport]:
        connection = self.server.admit(Address("192.0.2.1", 5000))
        assert isinstance(connection, HttpConnection)
        transport = RecordingTransport(connection)
        connection.connection_made(transport)
        return connection, transport

    async def receive(self, data: bytes) -> list[bytes]:
        """Let data come in; return the answers' last lines."""
        deliver(self.connection, data)
        await turns()
        return bodies(self.transport.take())


def get(target: bytes, headers: bytes = b"") -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\nHost: h\r\n" + headers + b"\r\n"


def bodies(written: bytes) -> list[bytes]:
    """Return the bodies of answers; bodies in these tests have no line breaks."""
    return [part.split(b"HTTP/1.1")[0] for part in written.split(b"\r\n\r\n")[1:]]


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def play(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scenario())


class Gate:
    """An answer that waits until it is let go, for targets that begin with `/wait`."""

    def __init__(self, *, is_reply: bool = False) -> None:
        self._is_reply = is_reply
        self.futures: dict[bytes, asyncio.Future[bytes]] = {}
        self.cancelled: list[bytes] = []

    async def answer(self, request: HttpRequest) -> HttpResponse:
        if not request.target.startswith(b"/wait"):
            return HttpResponse(200, request.target)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bytes] = Reply(loop) if self._is_reply else loop.create_future()
        self.futures[request.target] = future
        try:
            return HttpResponse(200, await future)
        except asyncio.CancelledError:
            self.cancelled.append(request.target)
            raise


@pytest.fixture(params=[False, True], ids=["in a task", "without a task"])
def gate(request: pytest.FixtureRequest) -> Gate:
    """A gate whose answers go on in a task, or, where they wait for a `Reply`, without one."""
    return Gate(is_reply=request.param)


def test_an_answer_that_does_not_wait_needs_no_task() -> None:
    async def scenario() -> None:
        async def answer(request: HttpRequest) -> HttpResponse:
            assert asyncio.current_task() is None
            return HttpResponse(200, b"at once")

        scene = Scene(answer)
        asyncio.get_running_loop().call_soon(deliver, scene.connection, get(b"/"))
        await turns()
        assert bodies(scene.transport.take()) == [b"at once"]
        assert not scene.server.tasks

    play(scenario)


def test_an_answer_that_waits_for_a_reply_needs_no_task_until_it_waits_for_another_thing() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        replies: list[Reply[bytes]] = []
        tasks: list[object] = []

        async def answer(request: HttpRequest) -> HttpResponse:
            for _ in range(2):
                replies.append(Reply(loop))
                await replies[-1]
                tasks.append(asyncio.current_task())
            await asyncio.sleep(0)
            tasks.append(asyncio.current_task())
            return HttpResponse(200, await replies[-1])

        scene = Scene(answer)
        loop.call_soon(deliver, scene.connection, get(b"/"))
        await turns()
        for number in range(2):
            assert not scene.server.tasks
            loop.call_soon(replies[number].set_result, b"there")
            await turns(10)
        assert bodies(scene.transport.take()) == [b"there"]
        assert tasks[:2] == [None, None]
        assert tasks[2] is not None

    play(scenario)


def test_a_reply_and_the_loss_of_the_client_in_one_turn_cancel_the_answer(gate: Gate) -> None:
    async def scenario() -> None:
        scene = Scene(gate.answer)
        await scene.receive(get(b"/wait") + get(b"/next"))
        gate.futures[b"/wait"].set_result(b"too late")
        scene.connection.connection_lost(None)
        await turns()
        assert [request.target for request in scene.service.requests] == [b"/wait"]
        assert not scene.server.tasks
        assert scene.transport.take() == b""

    play(scenario)


def test_a_reply_that_fails_fails_the_answer(gate: Gate) -> None:
    async def scenario() -> None:
        scene = Scene(gate.answer)
        await scene.receive(get(b"/wait") + get(b"/next"))
        gate.futures[b"/wait"].set_exception(LookupError())
        await turns()
        assert bodies(scene.transport.take()) == [b"failed", b"/next"]

    play(scenario)


def test_answers_come_in_the_order_of_the_requests_even_when_an_early_one_waits(gate: Gate) -> None:
    async def scenario() -> None:
        scene = Scene(gate.answer)
        sent = get(b"/a") + get(b"/wait1") + get(b"/b") + get(b"/wait2") + get(b"/c")
        assert await scene.receive(sent) == [b"/a"]
        gate.futures[b"/wait1"].set_result(b"first")
        await turns()
        assert bodies(scene.transport.take()) == [b"first", b"/b"]
        gate.futures[b"/wait2"].set_result(b"second")
        await turns()
        assert bodies(scene.transport.take()) == [b"second", b"/c"]

    play(scenario)


def test_each_request_begins_outside_the_task_of_the_one_before() -> None:
    async def scenario() -> None:
        tasks: list[object] = []

        async def answer(request: HttpRequest) -> HttpResponse:
            tasks.append(asyncio.current_task())
            await asyncio.sleep(0)
            return HttpResponse(200, b"")

        scene = Scene(answer)
        asyncio.get_running_loop().call_soon(deliver, scene.connection, get(b"/") * 3)
        await turns(20)
        assert tasks == [None, None, None]

    play(scenario)


def test_reading_pauses_while_too_many_requests_wait(gate: Gate) -> None:
    async def scenario() -> None:
        scene = Scene(gate.answer, Limits(pipelined_requests=2))
        await scene.receive(get(b"/wait") + get(b"/a"))
        assert scene.transport.is_reading()
        await scene.receive(get(b"/b"))
        assert not scene.transport.is_reading()
        gate.futures[b"/wait"].set_result(b"")
        await turns()
        assert scene.transport.is_reading()
        assert bodies(scene.transport.take()) == [b"", b"/a", b"/b"]

    play(scenario)


def test_nothing_is_answered_while_the_client_does_not_read() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.connection.pause_writing()
        assert not scene.transport.is_reading()
        assert await scene.receive(get(b"/a") + get(b"/b")) == []
        assert scene.service.requests == []
        scene.connection.resume_writing()
        await turns()
        assert bodies(scene.transport.take()) == [b"/a", b"/b"]
        assert scene.transport.is_reading()

    play(scenario)


def test_the_work_of_a_client_that_has_gone_is_cancelled_and_what_waited_behind_it_never_begins(gate: Gate) -> None:
    async def scenario() -> None:
        scene = Scene(gate.answer)
        await scene.receive(get(b"/wait") + get(b"/next"))
        scene.transport.abort()
        await turns()
        assert gate.cancelled == [b"/wait"]
        assert [request.target for request in scene.service.requests] == [b"/wait"]
        assert not scene.server.tasks
        assert not scene.server.connections
        assert scene.transport.take() == b""

    play(scenario)


def test_a_service_that_raises_gives_an_internal_error_and_the_connection_lives_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario() -> None:
        async def answer(request: HttpRequest) -> HttpResponse:
            if request.target == b"/later":
                await asyncio.sleep(0)
            if request.target != b"/":
                raise LookupError("a fault")
            return HttpResponse(200, b"fine")

        scene = Scene(answer)
        assert await scene.receive(get(b"/now") + get(b"/later") + get(b"/")) == [b"failed", b"failed", b"fine"]

    play(scenario)
    assert caplog.text.count("LookupError: a fault") == 2


def test_a_service_whose_work_was_cancelled_gives_an_internal_error(gate: Gate) -> None:
    async def scenario() -> None:
        scene = Scene(gate.answer)
        await scene.receive(get(b"/wait"))
        gate.futures[b"/wait"].cancel()
        await turns()
        assert bodies(scene.transport.take()) == [b"failed"]

    play(scenario)


def test_a_refusal_comes_after_the_answers_before_it_and_says_that_the_connection_closes(gate: Gate) -> None:
    async def scenario() -> None:
        scene = Scene(gate.answer)
        assert await scene.receive(get(b"/wait") + b"nonsense\r\n\r\n") == []
        gate.futures[b"/wait"].set_result(b"good")
        await turns()
        written = scene.transport.take()
        assert bodies(written) == [b"good", b"MALFORMED"]
        assert written.count(b"connection: close") == 1
        assert scene.service.refusals == [Refusal.MALFORMED]

    play(scenario)


def test_after_a_refusal_the_rest_is_discarded_and_the_client_has_a_moment_to_read() -> None:
    async def scenario() -> None:
        scene = Scene(limits=Limits(body_bytes=10, closing_seconds=2))
        assert await scene.receive(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99\r\n\r\n") == [b"BODY_TOO_LARGE"]
        assert await scene.receive(b"a" * 99 + get(b"/")) == []
        assert not scene.transport.is_closing()
        assert scene.connection.expires_at == pytest.approx(monotonic() + 2, abs=1)
        scene.connection.expire(monotonic())
        assert scene.transport.is_closing()
        assert not scene.transport.is_aborted

    play(scenario)


@pytest.mark.parametrize("headers", [b"Connection: close\r\n", b"Connection: Upgrade\r\nUpgrade: h2c\r\n"])
def test_a_connection_closes_after_its_last_answer(headers: bytes) -> None:
    async def scenario() -> None:
        scene = Scene()
        deliver(scene.connection, get(b"/", headers) + get(b"/not-read"))
        await turns(1)
        written = scene.transport.take()
        assert bodies(written) == [b"/"]
        assert b"\r\nconnection: close\r\n" in written
        assert scene.transport.is_closing()

    play(scenario)


def test_the_last_request_that_a_connection_may_have_closes_it() -> None:
    async def scenario() -> None:
        scene = Scene(limits=Limits(requests_per_connection=2))
        deliver(scene.connection, get(b"/a") + get(b"/b") + get(b"/c"))
        await turns(1)
        written = scene.transport.take()
        assert bodies(written) == [b"/a", b"/b"]
        assert written.count(b"connection: close") == 1
        assert scene.transport.is_closing()

    play(scenario)


def test_a_client_is_told_to_continue_once_and_after_the_answers_before(gate: Gate) -> None:
    async def scenario() -> None:
        scene = Scene(gate.answer)
        post = b"POST /post HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        assert await scene.receive(get(b"/wait") + post) == []
        gate.futures[b"/wait"].set_result(b"")
        await turns()
        written = scene.transport.take()
        assert written.startswith(b"HTTP/1.1 200")
        assert written.endswith(b"\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
        assert await scene.receive(b"a") == []
        assert await scene.receive(b"b") == [b"/post"]

    play(scenario)


def test_a_client_that_sends_its_body_unasked_is_not_told_to_continue() -> None:
    async def scenario() -> None:
        scene = Scene()
        deliver(
            scene.connection, b"POST /post HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        )
        deliver(scene.connection, b"ab")
        await turns()
        assert b"100 Continue" not in scene.transport.take()

    play(scenario)


def test_the_answer_to_head_has_no_body() -> None:
    async def scenario() -> None:
        scene = Scene()
        deliver(scene.connection, b"HEAD /ping HTTP/1.1\r\nHost: h\r\n\r\n")
        await turns()
        assert scene.transport.take().endswith(b"content-length: 5\r\n\r\n")

    play(scenario)


@pytest.mark.parametrize(
    ("sent", "body"),
    [(b"GET / HT", b"TOO_SLOW"), (b"", None), (get(b"/"), None)],
)
def test_what_lasts_too_long_is_refused_if_it_has_begun_and_else_closed(sent: bytes, body: bytes | None) -> None:
    async def scenario() -> None:
        scene = Scene()
        if sent:
            await scene.receive(sent)
        scene.connection.expire(monotonic())
        if body is None:
            assert scene.transport.is_closing()
        await turns()
        assert bodies(scene.transport.take()) == ([] if body is None else [body])

    play(scenario)


def test_a_connection_that_does_not_close_is_cut() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.transport.close = lambda: None  # type: ignore[method-assign]  # a peer that never confirms
        scene.connection.expire(monotonic())
        assert scene.transport.is_aborted is False
        scene.connection.expire(monotonic())
        assert scene.transport.is_aborted

    play(scenario)


def test_timeouts_follow_what_the_connection_is_doing(gate: Gate) -> None:
    async def scenario() -> None:
        limits = Limits(head_seconds=3, message_seconds=7, idle_seconds=50)
        scene = Scene(gate.answer, limits)

        def remaining() -> float:
            return scene.connection.expires_at - monotonic()

        assert remaining() == pytest.approx(50, abs=1)
        await scene.receive(b"POST /wait HTTP/1.1\r\n")
        assert remaining() == pytest.approx(3, abs=1)
        await scene.receive(b"Host: h\r\nContent-Length: 1\r\n\r\n")
        assert remaining() == pytest.approx(7, abs=1)
        await scene.receive(b"a")
        assert remaining() == float("inf")
        gate.futures[b"/wait"].set_result(b"")
        await turns()
        assert remaining() == pytest.approx(50, abs=1)
        await scene.receive(get(b"/"))
        assert remaining() == pytest.approx(50, abs=1)
        await scene.receive(get(b"/") + b"GET / HT")
        assert remaining() == pytest.approx(3, abs=1)

    play(scenario)


def test_at_drain_an_idle_connection_closes() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.receive(get(b"/"))
        scene.connection.shutdown()
        await turns(1)
        assert scene.transport.is_closing()

    play(scenario)


def test_at_drain_an_answer_that_has_not_left_yet_leaves_first() -> None:
    async def scenario() -> None:
        scene = Scene()
        deliver(scene.connection, get(b"/"))
        scene.connection.shutdown()
        await turns(1)
        assert bodies(scene.transport.take()) == [b"/"]
        assert scene.transport.is_closing()

    play(scenario)


def test_at_drain_what_waits_is_answered_and_then_the_connection_closes(gate: Gate) -> None:
    async def scenario() -> None:
        scene = Scene(gate.answer)
        await scene.receive(get(b"/wait") + get(b"/behind"))
        scene.connection.shutdown()
        await turns()
        assert not scene.transport.is_closing()
        gate.futures[b"/wait"].set_result(b"good")
        await turns()
        written = scene.transport.take()
        assert bodies(written) == [b"good", b"/behind"]
        assert written.count(b"connection: close") == 1
        assert scene.transport.is_closing()

    play(scenario)


def test_at_drain_a_request_that_has_begun_to_come_is_answered() -> None:
    async def scenario() -> None:
        scene = Scene()
        await scene.receive(b"GET /half")
        scene.connection.shutdown()
        await turns()
        assert not scene.transport.is_closing()
        deliver(scene.connection, b" HTTP/1.1\r\nHost: h\r\n\r\n" + get(b"/late"))
        await turns()
        assert bodies(scene.transport.take()) == [b"/half"]
        assert scene.transport.is_closing()

    play(scenario)


def test_a_connection_whose_handshake_ends_during_the_drain_gets_one_answer() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.server.is_draining = True
        connection, transport = scene.connect()
        deliver(connection, get(b"/"))
        await turns()
        assert b"connection: close" in transport.take()
        assert transport.is_closed

    play(scenario)


def test_a_client_that_ends_its_side_while_its_answer_is_being_made_is_taken_to_be_gone(gate: Gate) -> None:
    async def scenario() -> None:
        scene = Scene(gate.answer)
        await scene.receive(get(b"/wait"))
        assert not scene.connection.eof_received()  # so the transport closes
        scene.transport.close()
        await turns()
        assert gate.cancelled == [b"/wait"]

    play(scenario)


def test_a_client_that_ends_its_side_in_the_same_turn_is_still_answered() -> None:
    async def scenario() -> None:
        scene = Scene()
        deliver(scene.connection, get(b"/"))
        assert scene.connection.eof_received()
        await turns(1)
        assert bodies(scene.transport.take()) == [b"/"]
        assert scene.transport.is_closing()

    play(scenario)


def test_connections_above_a_limit_are_not_admitted() -> None:
    async def scenario() -> None:
        scene = Scene(limits=Limits(connections=3, connections_per_address=2))
        _, second = scene.connect()
        assert scene.server.admit(Address("192.0.2.1", 5000)) is ConnectionLimit.ADDRESS
        assert isinstance(scene.server.admit(Address("192.0.2.2", 5000)), HttpConnection)
        assert scene.server.admit(Address("192.0.2.3", 5000)) is ConnectionLimit.ALL
        assert scene.server.open_connections == 3
        second.close()
        await turns()
        assert scene.server.open_connections == 2
        assert isinstance(scene.server.admit(Address("192.0.2.1", 5000)), HttpConnection)

    play(scenario)


def test_all_that_a_client_on_ipv6_can_connect_from_counts_as_one_address() -> None:
    async def scenario() -> None:
        server = Scene(limits=Limits(connections_per_address=2)).server
        for host in ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2"):
            assert isinstance(server.admit(Address(host, 5000)), HttpConnection)
        assert server.admit(Address("2001:db8:0:1::3", 5000)) is ConnectionLimit.ADDRESS
        neighbour = server.admit(Address("2001:db8:0:2::1", 5000))
        assert isinstance(neighbour, HttpConnection)
        server.forget(neighbour)
        for _ in range(2):  # what is forgotten counts for its network no more
            assert isinstance(server.admit(Address("2001:db8:0:2::9", 5000)), HttpConnection)

    play(scenario)


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::1", "::/64"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_an_ipv6_address_counts_as_its_64_and_one_of_ipv4_as_itself(host: str, counted: str) -> None:
    assert counted_address(host) == counted
