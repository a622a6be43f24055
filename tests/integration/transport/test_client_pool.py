"""The client's pool against real servers, ours and ill-behaved ones."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from hyok.clock import NO_DEADLINE, Deadline, deadline_in
from hyok.transport import connecting
from hyok.transport.client import HttpClientPool
from hyok.transport.exchange import ClientLimits, HttpAnswer, TransportError, TransportFailure
from hyok.transport.messages import HttpRequest, HttpResponse
from hyok.transport.serving import Endpoint, serve
from hyok.transport.sockets import Address, listen
from hyok.transport.steps import Begun
from hyok.transport.tls import ClientCertificates, KeyPair, client_context, server_context
from tests.integration.transport.programs import ANY_PORT, run_briefly, serving
from tests.unit.transport.certificates import EXPIRED, authority_source, key_pair
from tests.unit.transport.doubles import ScriptedService

AUTHORITY = trustme.CA()
SERVER = key_pair(AUTHORITY, "xks.test")
Stream = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def echo(request: HttpRequest) -> HttpResponse:
    milliseconds = int(request.target[1:])
    if milliseconds:
        await asyncio.sleep(milliseconds / 1000)
    return HttpResponse(200, request.body)


@asynccontextmanager
async def pooling(
    address: Address,
    *,
    tls: ssl.SSLContext | None = None,
    name: str = "xks.test",
    limits: ClientLimits | None = None,
) -> AsyncIterator[HttpClientPool]:
    pool = HttpClientPool(address, server_name=name, tls=tls, limits=limits)
    try:
        yield pool
    finally:
        await pool.aclose()


@asynccontextmanager
async def playing(stream: Stream) -> AsyncIterator[Address]:
    """Serve a stream of bytes that need not be HTTP."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            await stream(reader, writer)
        writer.close()

    server = await asyncio.start_server(play, *ANY_PORT)
    try:
        yield Address(*server.sockets[0].getsockname())
    finally:
        server.close()


async def post(
    pool: HttpClientPool, target: bytes = b"/0", body: bytes = b"x", deadline: Deadline | None = None
) -> HttpAnswer:
    return await pool.exchange(
        method=b"POST",
        target=target,
        headers=[(b"host", b"xks.test")],
        body=body,
        deadline=deadline_in(2) if deadline is None else deadline,
    )


async def failure_of(pool: HttpClientPool, deadline: Deadline | None = None) -> TransportFailure:
    with pytest.raises(TransportError) as raised:
        await post(pool, deadline=deadline)
    return raised.value.failure


def test_exchanges_one_after_another_share_a_connection() -> None:
    async def scenario() -> None:
        service = ScriptedService(echo)
        async with serving(service) as address, pooling(address) as pool:
            for number in range(5):
                assert (await post(pool, body=b"%d" % number)).body == b"%d" % number
        assert len({request.peer for request in service.requests}) == 1

    run_briefly(scenario)


def test_exchanges_at_the_same_time_have_connections_of_their_own_and_the_last_used_is_used_first() -> None:
    async def scenario() -> None:
        service = ScriptedService(echo)
        async with serving(service) as address, pooling(address) as pool:
            await asyncio.gather(post(pool, b"/50"), post(pool, b"/100"), post(pool, b"/150"))
            last = next(request.peer for request in service.requests if request.target == b"/150")
            assert len({request.peer for request in service.requests}) == 3
            await post(pool)
            await post(pool)
        assert [request.peer for request in service.requests[3:]] == [last, last]

    run_briefly(scenario)


def test_no_more_connections_are_made_than_allowed_and_the_rest_wait_their_turn() -> None:
    async def scenario() -> None:
        service = ScriptedService(echo)
        async with serving(service) as address, pooling(address, limits=ClientLimits(connections=2)) as pool:
            answers = await asyncio.gather(*(post(pool, b"/20", b"%d" % number) for number in range(10)))
        assert [answer.body for answer in answers] == [b"%d" % number for number in range(10)]
        assert len({request.peer for request in service.requests}) == 2

    run_briefly(scenario)


def test_a_turn_that_does_not_come_by_the_deadline_is_timed_out() -> None:
    async def scenario() -> None:
        async with (
            serving(ScriptedService(echo)) as address,
            pooling(address, limits=ClientLimits(connections=1)) as pool,
        ):
            busy = asyncio.create_task(post(pool, b"/300", b"busy"))
            await asyncio.sleep(0.05)
            assert await failure_of(pool, deadline_in(0.05)) is TransportFailure.TIMED_OUT
            assert (await busy).body == b"busy"
            assert (await post(pool)).status == 200

    run_briefly(scenario)


def test_a_turn_whose_waiter_went_away_goes_to_the_next() -> None:
    async def scenario() -> None:
        async with (
            serving(ScriptedService(echo)) as address,
            pooling(address, limits=ClientLimits(connections=1)) as pool,
        ):
            tasks = [asyncio.create_task(post(pool, b"/50", b"%d" % number)) for number in range(3)]
            await asyncio.sleep(0.02)
            tasks[1].cancel()
            assert (await tasks[2]).body == b"2"

    run_briefly(scenario)


def test_a_turn_that_came_too_late_for_its_waiter_goes_to_the_next() -> None:
    async def scenario() -> None:
        async with (
            serving(ScriptedService(echo)) as address,
            pooling(address, limits=ClientLimits(connections=1)) as pool,
        ):
            await post(pool)  # a connection is there
            late = deadline_in(0.15)

            async def hold_the_loop() -> None:
                await post(pool, b"/50")
                while monotonic() < late:
                    pass  # the turn has been given to who waits first, and cannot be taken in time

            holding = asyncio.create_task(hold_the_loop())
            await asyncio.sleep(0)
            first = asyncio.create_task(failure_of(pool, late))
            await asyncio.sleep(0)
            second = asyncio.create_task(post(pool, deadline=deadline_in(5)))
            await holding
            assert await first is TransportFailure.TIMED_OUT
            assert (await second).body == b"x"

    run_briefly(scenario)


def test_a_connection_that_the_server_closed_while_idle_is_replaced_without_a_word() -> None:
    async def scenario() -> None:
        async with serving(ScriptedService(echo)) as address:
            pool = HttpClientPool(address, server_name="xks.test", tls=None)
            await asyncio.gather(post(pool, b"/20"), post(pool, b"/20"))
        async with serve([Endpoint("again", address, ScriptedService(echo), None)]):
            assert (await post(pool, body=b"again")).body == b"again"
            await pool.aclose()

    run_briefly(scenario)


def test_a_request_that_met_a_closing_connection_is_sent_again_on_another() -> None:
    async def scenario() -> None:
        requests: list[bytes] = []

        async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            requests.append(await reader.readuntil(b"\r\n\r\nx"))
            writer.write(OK)
            # The next request has been sent already when the end of the connection is seen.
            requests.append(await reader.readuntil(b"\r\n\r\nx"))

        async with playing(answer_once) as address, pooling(address) as pool:
            assert (await post(pool)).body == b"ok"
            assert (await post(pool)).body == b"ok"
        assert len(requests) == 3
        assert len(set(requests)) == 1

    run_briefly(scenario)


def test_a_connection_closed_half_way_through_an_answer_is_not_tried_again() -> None:
    async def scenario() -> None:
        requests = 0

        async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal requests
            for answer in (OK, OK[:-1]):
                await reader.readuntil(b"\r\n\r\nx")
                requests += 1
                writer.write(answer)

        async with playing(break_off) as address, pooling(address) as pool:
            await post(pool)
            assert await failure_of(pool) is TransportFailure.BAD_ANSWER
        assert requests == 2

    run_briefly(scenario)


def test_a_server_that_closes_at_once_is_no_connection() -> None:
    async def scenario() -> None:
        connections = 0

        async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            await reader.readuntil(b"\r\n\r\nx")

        async with playing(close) as address, pooling(address) as pool:
            assert await failure_of(pool) is TransportFailure.NO_CONNECTION
        assert connections == 1

    run_briefly(scenario)


def test_a_refused_connection_is_no_connection() -> None:
    async def scenario() -> None:
        with socket.create_server(ANY_PORT) as closed:
            address = Address(*closed.getsockname())
        async with pooling(address) as pool:
            began = monotonic()
            assert await failure_of(pool) is TransportFailure.NO_CONNECTION
            assert monotonic() - began < 1

    run_briefly(scenario)


def test_an_address_without_a_way_to_it_is_no_network() -> None:
    async def scenario() -> None:
        # Nothing leaves: TCP has no way to all hosts of a network at once.
        async with pooling(Address("255.255.255.255", 443)) as pool:
            assert await failure_of(pool) is TransportFailure.NO_NETWORK

    run_briefly(scenario)


def test_a_process_without_a_socket_left_has_no_network() -> None:
    async def scenario() -> None:
        async with serving(ScriptedService(echo)) as address, pooling(address) as pool:
            allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, most))
            try:
                assert await failure_of(pool) is TransportFailure.NO_NETWORK
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))

    run_briefly(scenario)


def test_a_name_without_an_address_is_no_connection() -> None:
    async def scenario() -> None:
        async with pooling(Address("no-such-host.invalid", 443)) as pool:
            assert await failure_of(pool) is TransportFailure.NO_CONNECTION

    run_briefly(scenario)


def test_a_host_that_swallows_packets_is_no_connection_by_the_deadline() -> None:
    async def scenario() -> None:
        # A full backlog drops further SYNs on Linux.
        with socket.socket() as full, socket.socket() as first, socket.socket() as second:
            full.bind(ANY_PORT)
            full.listen(0)
            for filler in (first, second):
                filler.setblocking(False)
                filler.connect_ex(full.getsockname())
            await asyncio.sleep(0.02)
            async with pooling(Address(*full.getsockname())) as pool:
                began = monotonic()
                assert await failure_of(pool, deadline_in(0.15)) is TransportFailure.NO_CONNECTION
                assert 0.1 < monotonic() - began < 1

    run_briefly(scenario)


def test_a_silent_server_is_timed_out_in_the_handshake_and_after_it() -> None:
    async def scenario() -> None:
        async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()

        tls = client_context(authority_source(AUTHORITY)).context
        async with playing(say_nothing) as address:
            for context in (tls, None):
                async with pooling(address, tls=context) as pool:
                    began = monotonic()
                    assert await failure_of(pool, deadline_in(0.15)) is TransportFailure.TIMED_OUT
                    assert 0.1 < monotonic() - began < 1

    run_briefly(scenario)


def test_a_deadline_that_has_passed_sends_nothing() -> None:
    async def scenario() -> None:
        service = ScriptedService(echo)
        async with serving(service) as address, pooling(address) as pool:
            assert await failure_of(pool, deadline_in(-1)) is TransportFailure.TIMED_OUT
        assert service.requests == []

    run_briefly(scenario)


def test_without_a_deadline_an_exchange_takes_its_time() -> None:
    async def scenario() -> None:
        async with serving(ScriptedService(echo)) as address, pooling(address) as pool:
            assert (await post(pool, b"/100", deadline=NO_DEADLINE)).status == 200

    run_briefly(scenario)


@pytest.mark.parametrize(
    ("server", "name", "words"),
    [
        (SERVER, "other.test", "Hostname mismatch"),
        (key_pair(trustme.CA(), "xks.test"), "xks.test", "unable to get local issuer certificate"),
        (key_pair(AUTHORITY, "xks.test", not_after=EXPIRED), "xks.test", "certificate has expired"),
    ],
    ids=["another name", "another authority", "expired"],
)
def test_a_server_whose_certificate_is_not_right_is_a_failure_of_tls(server: KeyPair, name: str, words: str) -> None:
    async def scenario() -> None:
        tls = client_context(authority_source(AUTHORITY)).context
        async with (
            serving(ScriptedService(echo), tls=server_context(server).context) as address,
            pooling(address, tls=tls, name=name) as pool,
        ):
            with pytest.raises(TransportError, match=words) as raised:
                await post(pool)
            assert raised.value.failure is TransportFailure.NO_TLS

    run_briefly(scenario)


def test_a_server_without_tls_is_a_failure_of_tls() -> None:
    async def scenario() -> None:
        tls = client_context(authority_source(AUTHORITY)).context
        async with serving(ScriptedService(echo)) as address, pooling(address, tls=tls) as pool:
            assert await failure_of(pool) is TransportFailure.NO_TLS

    run_briefly(scenario)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("subject", [None, "mallory"])
def test_a_server_that_does_not_let_our_certificate_in_is_a_failure_of_tls(
    version: ssl.TLSVersion, subject: str | None
) -> None:
    async def scenario() -> None:
        pair = None if subject is None else key_pair(AUTHORITY, "kms", common_name=subject)
        tls = client_context(authority_source(AUTHORITY), pair).context
        tls.maximum_version = version
        mutual = ClientCertificates(authority_source(AUTHORITY), frozenset({"kms"}))
        async with (
            serving(ScriptedService(echo), tls=server_context(SERVER, mutual).context) as address,
            pooling(address, tls=tls) as pool,
        ):
            assert await failure_of(pool) is TransportFailure.NO_TLS

    run_briefly(scenario)


def test_a_session_that_was_taken_up_is_not_read_again() -> None:
    async def scenario() -> None:
        tls = client_context(authority_source(AUTHORITY)).context
        sessions = vars(tls.sslobject_class)["sessions"]
        kept = []
        async with serving(ScriptedService(echo), tls=server_context(SERVER).context) as address:
            for _ in range(3):
                async with pooling(address, tls=tls) as pool:
                    await post(pool)
                    kept.append(sessions["xks.test"])
        # CPython 3.11 leaks memory with each session that it hands out.
        assert kept[0] is kept[1] is kept[2]

    run_briefly(scenario)


def test_a_refusal_that_is_there_before_the_request_is_a_failure_of_tls_too() -> None:
    async def scenario() -> None:
        tls = client_context(authority_source(AUTHORITY)).context
        mutual = ClientCertificates(authority_source(AUTHORITY), frozenset({"kms"}))
        async with (
            serving(ScriptedService(echo), tls=server_context(SERVER, mutual).context) as address,
            pooling(address, tls=tls) as pool,
        ):
            connection = await pool._pool._connect(NO_DEADLINE)  # what `exchange` does first
            await asyncio.wait_for(connection.closed, 5)
            with pytest.raises(TransportError, match="CERTIFICATE_REQUIRED") as raised:
                await connection.exchange(b"GET / HTTP/1.1\r\n\r\n", NO_DEADLINE)
            assert raised.value.failure is TransportFailure.NO_TLS

    run_briefly(scenario)


def test_later_connections_take_up_the_tls_session_and_the_certificate_is_there_to_look_at() -> None:
    async def scenario() -> None:
        service = ScriptedService(echo)
        tls = client_context(authority_source(AUTHORITY)).context
        async with serving(service, tls=server_context(SERVER).context) as address, pooling(address, tls=tls) as pool:
            seen = [pool.peer_certificate]
            for count in (1, 2):
                await asyncio.gather(*(post(pool, b"/50") for _ in range(count)))
                seen.append(pool.peer_certificate)
            (expected, *_) = x509.load_pem_x509_certificates(SERVER.certificate_chain.content.reveal())
            assert seen == [None, *[expected.public_bytes(Encoding.DER)] * 2]
            assert sorted(
                connection.ssl_object.session_reused is True
                for connection in pool._pool._connections  # nothing else tells
                if connection.ssl_object
            ) == [False, True]

    run_briefly(scenario)


def test_connections_that_were_idle_too_long_are_not_used() -> None:
    async def scenario() -> None:
        service = ScriptedService(echo)
        async with serving(service) as address, pooling(address, limits=ClientLimits(idle_seconds=0.05)) as pool:
            await post(pool)
            await asyncio.sleep(0.1)
            await post(pool)
        assert len({request.peer for request in service.requests}) == 2

    run_briefly(scenario)


def test_an_answer_above_the_limit_is_a_bad_answer() -> None:
    async def scenario() -> None:
        limits = ClientLimits(answer_bytes=1000)
        async with serving(ScriptedService(echo)) as address, pooling(address, limits=limits) as pool:
            assert (await post(pool, body=b"a" * 500)).status == 200
            with pytest.raises(TransportError) as raised:
                await post(pool, body=b"a" * 1000)
            assert raised.value.failure is TransportFailure.BAD_ANSWER

    run_briefly(scenario)


def test_an_exchange_may_begin_outside_a_task() -> None:
    async def scenario() -> None:
        async with serving(ScriptedService(echo)) as address, pooling(address) as pool:
            loop = asyncio.get_running_loop()
            tasks: list[asyncio.Task[HttpAnswer]] = []

            def begin() -> None:
                coroutine = post(pool)
                tasks.append(loop.create_task(Begun(coroutine, coroutine.send(None))))

            for _ in range(2):
                loop.call_soon(begin)
                await asyncio.sleep(0.05)
            assert [(await task).status for task in tasks] == [200, 200]

    run_briefly(scenario)


def test_a_caller_that_goes_away_while_connecting_leaves_no_connection_behind() -> None:
    async def scenario() -> None:
        tls = client_context(authority_source(AUTHORITY)).context
        async with (
            serving(ScriptedService(echo), tls=server_context(SERVER).context) as address,
            pooling(address, tls=tls) as pool,
        ):
            for turns in range(12):
                task = asyncio.create_task(post(pool))
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):  # the last ones may have been answered already
                    await task
            await asyncio.sleep(0.3)
            assert (await post(pool)).status == 200

    run_briefly(scenario)


def test_a_closed_pool_says_so() -> None:
    async def scenario() -> None:
        async with serving(ScriptedService(echo)) as address:
            pool = HttpClientPool(address, server_name="xks.test", tls=None, limits=ClientLimits(connections=1))
            under_way = [asyncio.create_task(post(pool, b"/1000")) for _ in range(2)]
            await asyncio.sleep(0.05)
            await pool.aclose()
            for task in under_way:
                with pytest.raises(TransportError, match="no connection"):
                    await task
            assert await failure_of(pool) is TransportFailure.NO_CONNECTION

    run_briefly(scenario)


def test_the_addresses_of_a_name_are_tried_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        with listen(ANY_PORT) as dead:
            dead_place = dead.getsockname()
        async with serving(ScriptedService(echo)) as address:

            async def resolve(name: Address) -> list[tuple[socket.AddressFamily, object]]:
                assert name == Address("xks.test", 443)
                return [(socket.AF_INET, dead_place), (socket.AF_INET, tuple(address))]

            monkeypatch.setattr(connecting, "_resolve", resolve)
            async with pooling(Address("xks.test", 443)) as pool:
                assert (await post(pool)).status == 200

    run_briefly(scenario)
