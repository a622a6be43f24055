"""The server as a client on the network meets it."""

from __future__ import annotations

import asyncio
import socket
from time import monotonic

import pytest

from hyok.transport.limits import Limits, TimeBudget
from hyok.transport.messages import HttpRequest, HttpResponse, Refusal
from tests.integration.transport.programs import RawClient, raw_client, run_briefly, serving
from tests.unit.transport.doubles import ScriptedService

QUICK = Limits(head_seconds=0.2, message_seconds=0.3, idle_seconds=0.25, closing_seconds=0.15, handshake_seconds=0.3)


def post(target: bytes, body: bytes, headers: bytes = b"") -> bytes:
    return b"POST %b HTTP/1.1\r\nHost: h\r\n%bContent-Length: %d\r\n\r\n%b" % (target, headers, len(body), body)


async def echo(request: HttpRequest) -> HttpResponse:
    """Answer with the body, after as many milliseconds as the target says."""
    milliseconds = int(request.target[1:] or b"0")
    if milliseconds:
        await asyncio.sleep(milliseconds / 1000)
    return HttpResponse(200, request.body)


def test_pipelined_requests_are_answered_in_order_however_long_each_takes() -> None:
    async def scenario() -> None:
        async with serving(ScriptedService(echo)) as address, raw_client(address) as client:
            client.send(post(b"/30", b"a") + post(b"/0", b"b") + post(b"/10", b"c") + post(b"/0", b"d"))
            assert [await client.answer() for _ in range(4)] == [(200, b"a"), (200, b"b"), (200, b"c"), (200, b"d")]

    run_briefly(scenario)


def test_connections_do_not_wait_for_one_another() -> None:
    async def scenario() -> None:
        async with serving(ScriptedService(echo)) as address, raw_client(address) as slow, raw_client(address) as quick:
            slow.send(post(b"/200", b"slow"))
            quick.send(post(b"/0", b"quick"))
            assert await quick.answer() == (200, b"quick")
            assert await slow.answer() == (200, b"slow")

    run_briefly(scenario)


def test_a_service_knows_who_asks_and_until_when() -> None:
    async def scenario() -> None:
        service = ScriptedService(echo)
        budget = TimeBudget(request_seconds=2, first_request_seconds=1, call_seconds=3)
        async with serving(service, budget=budget) as address:
            before = monotonic()
            async with raw_client(address) as client:
                for _ in range(2):
                    client.send(post(b"/0", b""))
                    await client.answer()
                local = client.writer.get_extra_info("sockname")
            first, second = service.requests
        assert first.peer.address == f"{local[0]}:{local[1]}"
        assert before <= first.deadline - 1 <= first.received_at <= monotonic()
        assert second.deadline == pytest.approx(second.received_at + 2)

    run_briefly(scenario)


@pytest.mark.parametrize(
    ("sent", "refusal"),
    [
        (b"nonsense\r\n\r\n", Refusal.MALFORMED),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 20_000, Refusal.HEAD_TOO_LARGE),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\n", Refusal.BODY_TOO_LARGE),
    ],
)
def test_a_refused_client_reads_why_even_if_it_goes_on_sending(sent: bytes, refusal: Refusal) -> None:
    async def scenario() -> None:
        service = ScriptedService(echo)
        async with serving(service, limits=Limits(closing_seconds=0.3)) as address, raw_client(address) as client:
            client.send(sent)
            client.send(b"a" * 200_000)
            assert await client.answer() == (refusal.value, refusal.name.encode())
            assert await client.rest() == b""
        assert service.requests == []

    run_briefly(scenario)


@pytest.mark.parametrize("sent", [b"P", b"POST / HTTP/1.1\r\nHost: h\r\n", post(b"/0", b"ab")[:-1]])
def test_a_client_that_stops_half_way_is_refused_in_time(sent: bytes) -> None:
    async def scenario() -> None:
        service = ScriptedService(echo)
        async with serving(service, limits=QUICK) as address, raw_client(address) as client:
            began = monotonic()
            client.send(sent)
            assert await client.answer() == (408, b"TOO_SLOW")
            assert await client.rest() == b""
            assert 0.15 < monotonic() - began < 2
        assert service.refusals == [Refusal.TOO_SLOW]

    run_briefly(scenario)


def test_a_client_that_drips_its_head_does_not_gain_time() -> None:
    async def scenario() -> None:
        async with serving(ScriptedService(echo), limits=QUICK) as address, raw_client(address) as client:
            answer = asyncio.create_task(client.answer())
            for byte in b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X-Drip: a\r\n" * 100:
                if answer.done():
                    break
                client.send(bytes([byte]))
                await asyncio.sleep(0.02)
            assert (await answer)[0] == 408

    run_briefly(scenario)


def test_an_idle_connection_is_closed_without_a_word() -> None:
    async def scenario() -> None:
        async with (
            serving(ScriptedService(echo), limits=QUICK) as address,
            raw_client(address) as never_used,
            raw_client(address) as used,
        ):
            used.send(post(b"/0", b"a"))
            assert await used.answer() == (200, b"a")
            assert await used.rest() == b""
            assert await never_used.rest() == b""

    run_briefly(scenario)


def test_a_long_answer_does_not_count_as_idleness() -> None:
    async def scenario() -> None:
        async with serving(ScriptedService(echo), limits=QUICK) as address, raw_client(address) as client:
            client.send(post(b"/600", b"late"))
            assert await client.answer() == (200, b"late")

    run_briefly(scenario)


def test_a_client_that_expects_to_be_told_to_continue_is_told() -> None:
    async def scenario() -> None:
        async with serving(ScriptedService(echo)) as address, raw_client(address) as client:
            whole = post(b"/0", b"abc", b"Expect: 100-continue\r\n")
            client.send(whole[:-3])
            assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            client.send(whole[-3:])
            assert await client.answer() == (200, b"abc")

    run_briefly(scenario)


def test_a_large_answer_arrives_whole_at_a_slow_reader_and_nothing_piles_up_behind_it() -> None:
    async def scenario() -> None:
        size = 8 * 1024 * 1024

        async def answer(request: HttpRequest) -> HttpResponse:
            return HttpResponse(200, b"a" * size)

        service = ScriptedService(answer)
        async with serving(service) as address, raw_client(address) as client:
            client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            client.send(post(b"/0", b"") * 2)
            await asyncio.sleep(0.1)
            client.send(post(b"/0", b"") * 5)
            await asyncio.sleep(0.1)
            assert len(service.requests) == 2
            for _ in range(7):
                status, body = await client.answer()
                assert (status, len(body)) == (200, size)

    run_briefly(scenario, seconds=20)


def test_a_client_that_never_reads_its_answers_is_cut_in_the_end() -> None:
    async def scenario() -> None:
        async def answer(request: HttpRequest) -> HttpResponse:
            return HttpResponse(200, b"a" * 8_000_000)

        async with serving(ScriptedService(answer), limits=QUICK) as address:
            with socket.create_connection(address) as stubborn:
                stubborn.sendall(post(b"/0", b""))
                await asyncio.sleep(1)
                stubborn.settimeout(2)
                received = 0
                while piece := stubborn.recv(1_000_000):
                    received += len(piece)
                assert 0 < received < 8_000_000

    run_briefly(scenario)


def test_the_work_for_a_client_that_goes_away_is_cancelled() -> None:
    async def scenario() -> None:
        ended = asyncio.Event()

        async def answer(request: HttpRequest) -> HttpResponse:
            try:
                await asyncio.sleep(60)
            finally:
                ended.set()
            raise AssertionError

        async with serving(ScriptedService(answer)) as address:
            async with raw_client(address) as client:
                client.send(post(b"/", b""))
                await asyncio.sleep(0.05)
            await asyncio.wait_for(ended.wait(), 2)

    run_briefly(scenario)


def test_a_client_of_http_1_0_is_answered_and_the_connection_closed() -> None:
    async def scenario() -> None:
        async with serving(ScriptedService(echo)) as address, raw_client(address) as client:
            client.send(b"GET /0 HTTP/1.0\r\n\r\n")
            client.writer.write_eof()
            rest = await client.rest()
            assert rest.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"\r\nconnection: close\r\n" in rest

    run_briefly(scenario)


def test_connections_above_the_limit_for_their_address_are_cut() -> None:
    async def scenario() -> None:
        limits = Limits(connections_per_address=2)
        async with (
            serving(ScriptedService(echo), limits=limits) as address,
            raw_client(address) as first,
            raw_client(address) as second,
            raw_client(address) as third,
        ):
            third.send(post(b"/0", b""))
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await third.answer()
            for client in (first, second):
                client.send(post(b"/0", b"in"))
                assert await client.answer() == (200, b"in")

    run_briefly(scenario)


def test_answers_whose_records_are_not_safe_never_reach_the_client() -> None:
    async def scenario() -> None:
        service = ScriptedService(echo)
        async with serving(service) as address, raw_client(address) as client:
            service.unsafe = OSError("disk full")
            client.send(post(b"/0", b"secret") * 2)
            assert [await client.answer() for _ in range(2)] == [(500, b"failed")] * 2
            service.unsafe = None
            client.send(post(b"/0", b"good"))
            assert await client.answer() == (200, b"good")

    run_briefly(scenario)


def test_one_release_covers_all_answers_of_a_turn() -> None:
    async def scenario() -> None:
        service = ScriptedService(echo)
        async with serving(service) as address, raw_client(address) as client:
            client.send(post(b"/0", b"a") * 50)
            for _ in range(50):
                await client.answer()
        assert service.releases < 10

    run_briefly(scenario)


def test_many_connections_are_served_at_once() -> None:
    async def scenario() -> None:
        async with serving(ScriptedService(echo)) as address:
            streams = [await asyncio.open_connection(*address) for _ in range(200)]
            clients = [RawClient(*stream) for stream in streams]
            for client in clients:
                client.send(post(b"/0", b"x"))
            assert {await client.answer() for client in clients} == {(200, b"x")}
            for client in clients:
                client.writer.close()

    run_briefly(scenario)
