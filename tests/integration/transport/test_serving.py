"""From endpoints to sockets: start, what an operator reads when it fails, drain, stop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import resource
import socket
import struct
from time import monotonic

import pytest
import trustme

from hyok.errors import OperatorError
from hyok.transport.limits import ConnectionLimit, Limits
from hyok.transport.messages import HttpRequest, HttpResponse
from hyok.transport.serving import Endpoint, run, serve
from hyok.transport.sockets import Address, address_of, listen
from hyok.transport.steps import Reply
from hyok.transport.tls import client_context, server_context
from tests.integration.transport.programs import ANY_PORT, raw_client, run_briefly, serving
from tests.unit.transport.certificates import authority_source, key_pair
from tests.unit.transport.doubles import ScriptedService

AUTHORITY = trustme.CA()
GET = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"


async def slowly(request: HttpRequest) -> HttpResponse:
    await asyncio.sleep(0.3)
    return HttpResponse(200, b"done")


def test_several_services_run_side_by_side_and_each_tells_its_real_port() -> None:
    async def scenario() -> None:
        services = {name: ScriptedService() for name in ("proxy", "kms")}
        async with serve([Endpoint(name, ANY_PORT, service, None) for name, service in services.items()]) as running:
            assert running.address("proxy").port != running.address("kms").port != 0
            for name, service in services.items():
                async with raw_client(running.address(name)) as client:
                    client.send(GET)
                    assert await client.answer() == (200, b"/x")
                assert len(service.requests) == 1

    run_briefly(scenario)


def test_after_the_stop_nothing_listens_there() -> None:
    async def scenario() -> None:
        async with serving(ScriptedService()) as address:
            pass
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=1)

    run_briefly(scenario)


def test_a_port_in_use_is_named_with_what_to_do_and_no_other_endpoint_starts() -> None:
    async def scenario() -> None:
        with socket.create_server(ANY_PORT) as taken, socket.create_server(ANY_PORT) as free:
            address, first = Address(*taken.getsockname()), Address(*free.getsockname())
            free.close()
            endpoints = [Endpoint("a", first, ScriptedService(), None), Endpoint("b", address, ScriptedService(), None)]
            with pytest.raises(OperatorError, match=rf"cannot listen on {address}: another program listens there"):
                async with serve(endpoints):
                    pytest.fail("it started")
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(first, timeout=1)

    run_briefly(scenario)


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("192.0.2.1", r"cannot listen on 192\.0\.2\.1:0: no interface of this machine has the address 192\.0\.2\.1"),
        ("no-such-host.invalid", r"'no-such-host\.invalid' is no address of this machine"),
    ],
)
def test_an_address_of_another_machine_is_named(host: str, message: str) -> None:
    with pytest.raises(OperatorError, match=message):
        listen(Address(host, 0))


def test_a_privileged_port_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(OperatorError, match=r"port 443 is for privileged programs; give this one CAP_NET_BIND_SERVICE"):
        listen(Address("127.0.0.1", 443))


def test_a_port_can_be_taken_again_right_after_a_stop() -> None:
    async def scenario() -> None:
        address = ANY_PORT
        for _ in range(3):
            async with serve([Endpoint("a", address, ScriptedService(), None)]) as running:
                address = running.address("a")
                async with raw_client(address) as client:
                    client.send(GET)
                    await client.answer()

    run_briefly(scenario)


def test_ipv6_is_served_and_written_with_brackets() -> None:
    async def scenario() -> None:
        async with serve([Endpoint("a", Address("::1", 0), ScriptedService(), None)]) as running:
            address = running.address("a")
            assert str(address) == f"[::1]:{address.port}"
            async with raw_client(address) as client:
                client.send(GET)
                assert await client.answer() == (200, b"/x")

    try:
        listen(Address("::1", 0)).close()
    except OperatorError:
        pytest.skip("this machine has no IPv6")
    run_briefly(scenario)


def test_accepted_sockets_send_small_packets_at_once_from_the_handshake_on() -> None:
    with listen(ANY_PORT) as listener, socket.create_connection(address_of(listener)):
        listener.settimeout(2)
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_uvloop_keeps_that_on_the_connections_it_accepts() -> None:
    async def scenario() -> None:
        seen: list[int] = []

        class Protocol(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                accepted = transport.get_extra_info("socket")
                seen.append(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

        listener = listen(ANY_PORT)
        server = await asyncio.get_running_loop().create_server(Protocol, sock=listener)
        async with raw_client(address_of(listener)):
            await asyncio.sleep(0.05)
        server.close()
        assert seen == [1]

    run_briefly(scenario)


def test_the_drain_answers_what_has_come_and_takes_nothing_more() -> None:
    async def scenario() -> None:
        service = ScriptedService(slowly)
        async with serving(service) as address:
            reader, writer = await asyncio.open_connection(*address)
            idle_reader, idle_writer = await asyncio.open_connection(*address)
            writer.write(GET)
            await asyncio.sleep(0.05)
            began = monotonic()
        assert 0.2 < monotonic() - began < 1.5
        rest = await reader.read()
        assert rest.endswith(b"connection: close\r\n\r\ndone")
        assert await idle_reader.read() == b""
        writer.close()
        idle_writer.close()

    run_briefly(scenario)


@pytest.mark.parametrize("is_reply", [False, True], ids=["in a task", "without a task"])
def test_what_takes_longer_than_the_drain_is_cut_and_cancelled(
    caplog: pytest.LogCaptureFixture, *, is_reply: bool
) -> None:
    cancelled: list[bytes] = []

    async def never(request: HttpRequest) -> HttpResponse:
        loop = asyncio.get_running_loop()
        try:
            await (Reply(loop) if is_reply else loop.create_future())
        except asyncio.CancelledError:
            cancelled.append(request.target)
            raise
        raise AssertionError

    async def scenario() -> None:
        async with serving(ScriptedService(never), drain_seconds=0.3) as address:
            reader, writer = await asyncio.open_connection(*address)
            writer.write(GET)
            await asyncio.sleep(0.05)
            began = monotonic()
        assert 0.25 < monotonic() - began < 1.5
        assert cancelled == [b"/x"]
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.close()
        assert len(asyncio.all_tasks()) == 1

    with caplog.at_level(logging.WARNING):
        run_briefly(scenario)
    assert "1 connection" in caplog.text


def test_a_failure_inside_the_block_still_stops_the_servers() -> None:
    async def scenario() -> None:
        address = ANY_PORT
        with pytest.raises(ZeroDivisionError):
            async with serving(ScriptedService()) as address:
                raise ZeroDivisionError
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=1)

    run_briefly(scenario)


def test_uvicorn_neither_logs_nor_handles_signals(caplog: pytest.LogCaptureFixture) -> None:
    import signal

    async def scenario() -> None:
        before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
        async with serving(ScriptedService()) as address, raw_client(address) as client:
            assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before
            client.send(GET)
            await client.answer()

    with caplog.at_level(logging.DEBUG):
        run_briefly(scenario)
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


def test_a_program_runs_on_uvloop_with_all_the_open_files_it_may_have() -> None:
    async def program() -> tuple[str, bool]:
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        return type(asyncio.get_running_loop()).__module__, soft == hard

    assert run(program()) == ("uvloop", True)
    assert os.getpid()


def test_a_lingering_stop_answers_one_more_request_on_each_connection_and_says_that_it_is_the_last() -> None:
    async def scenario() -> None:
        async with contextlib.AsyncExitStack() as server:
            address = await server.enter_async_context(serving(ScriptedService(), linger_seconds=2.0))
            clients = [await asyncio.open_connection(*address) for _ in range(2)]
            for reader, writer in clients:
                writer.write(GET)
                assert b"connection: close" not in await reader.readuntil(b"\r\n\r\n/x")
            stop = asyncio.create_task(server.aclose())
            await asyncio.sleep(0.1)
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(address, timeout=1)
            for reader, writer in clients:
                writer.write(GET)
                assert (await reader.read()).endswith(b"connection: close\r\n\r\n/x")
                writer.close()
            began = monotonic()
            await stop
        assert monotonic() - began < 1.0

    run_briefly(scenario)


def test_a_lingering_stop_waits_for_handshakes_under_way_and_not_for_the_idle_beyond_its_time() -> None:
    async def scenario() -> None:
        tls = server_context(key_pair(AUTHORITY, "localhost")).context
        trusting = client_context(authority_source(AUTHORITY)).context
        async with contextlib.AsyncExitStack() as server:
            address = await server.enter_async_context(serving(ScriptedService(), tls=tls, linger_seconds=0.6))
            reader, writer = await asyncio.open_connection(*address)
            await asyncio.sleep(0.05)
            began = monotonic()
            stop = asyncio.create_task(server.aclose())
            await asyncio.sleep(0.1)
            await writer.start_tls(trusting, server_hostname="localhost")
            writer.write(GET)
            assert (await reader.read()).endswith(b"connection: close\r\n\r\n/x")
            writer.close()
            await stop
        assert 0.2 < monotonic() - began < 0.6
        async with contextlib.AsyncExitStack() as server:
            address = await server.enter_async_context(serving(ScriptedService(), linger_seconds=0.3))
            idle, writer = await asyncio.open_connection(*address)
            began = monotonic()
            await server.aclose()
            assert 0.3 <= monotonic() - began < 0.9
            assert await idle.read() == b""
            writer.close()

    run_briefly(scenario)


def test_sockets_that_listen_already_are_served_each() -> None:
    async def scenario() -> None:
        sockets = [listen(ANY_PORT), listen(ANY_PORT)]
        endpoint = Endpoint("test", ANY_PORT, ScriptedService(), None)
        async with serve([endpoint], listeners={"test": sockets}) as running:
            assert running.address("test") == address_of(sockets[0])
            for each in [address_of(listener) for listener in sockets]:
                async with raw_client(each) as client:
                    client.send(GET)
                    assert await client.answer() == (200, b"/x")

    run_briefly(scenario)


def test_clients_that_connect_and_say_nothing_are_counted_before_any_handshake_and_in_time_no_more() -> None:
    async def scenario() -> None:
        tls = server_context(key_pair(AUTHORITY, "localhost")).context
        trusting = client_context(authority_source(AUTHORITY)).context
        limits = Limits(connections_per_address=5, handshake_seconds=0.5)
        async with serving(ScriptedService(), tls=tls, limits=limits) as address:
            silent = [await asyncio.open_connection(*address) for _ in range(5)]
            refused, writer = await asyncio.open_connection(*address)
            assert await refused.read() == b""
            writer.close()
            for _, each in silent:
                each.close()
            await asyncio.sleep(0.7)
            reader, writer = await asyncio.open_connection(*address, ssl=trusting, server_hostname="localhost")
            writer.write(GET)
            assert (await reader.readuntil(b"/x")).startswith(b"HTTP/1.1 200")
            writer.close()

    run_briefly(scenario)


def test_without_descriptors_connections_wait_instead_of_being_lost(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with serving(ScriptedService()) as address:
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            client = socket.socket()
            client.setblocking(False)
            resource.setrlimit(resource.RLIMIT_NOFILE, (client.fileno() + 1, hard))
            try:
                await asyncio.get_running_loop().sock_connect(client, address)
                await asyncio.sleep(0.2)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            assert [each.getMessage() for each in caplog.records] == [
                "test: no connections are accepted for 1 s: Too many open files"
            ]
            reader, writer = await asyncio.open_connection(sock=client)
            writer.write(GET)
            assert (await reader.readuntil(b"/x")).startswith(b"HTTP/1.1 200")
            writer.close()

    run_briefly(scenario)


def test_clients_that_reset_before_they_are_accepted_are_counted_no_more() -> None:
    """As load balancers do that only look whether a port is open."""

    async def scenario() -> None:
        async with serving(ScriptedService(), limits=Limits(connections_per_address=3)) as address:
            for _ in range(5):
                knocking = socket.create_connection(address)  # the loop that would accept is held up by this
                knocking.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                knocking.close()
            await asyncio.sleep(0.2)
            async with raw_client(address) as client:
                client.send(GET)
                assert await client.answer() == (200, b"/x")

    run_briefly(scenario)


def test_after_an_error_of_accept_that_nobody_foresaw_connections_are_accepted_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    accept = socket.socket.accept
    calls: list[None] = []

    def accept_but_once(listener: socket.socket) -> tuple[socket.socket, object]:
        calls.append(None)
        if len(calls) == 2:  # the one that looks for those who still wait
            raise OSError(errno.EPROTO, os.strerror(errno.EPROTO))
        return accept(listener)

    async def scenario() -> None:
        async with serving(ScriptedService()) as address:
            for _ in range(2):
                async with raw_client(address) as client:
                    client.send(GET)
                    assert await client.answer() == (200, b"/x")

    monkeypatch.setattr(socket.socket, "accept", accept_but_once)
    run_briefly(scenario)
    assert [each.getMessage() for each in caplog.records] == [
        "test: no connections are accepted for 1 s: Protocol error"
    ]


def test_connections_above_a_limit_are_told_to_the_operator_once(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        limits = Limits(connections=5, connections_per_address=1)
        async with serving(ScriptedService(), limits=limits) as address, raw_client(address) as served:
            served.send(GET)
            await served.answer()
            for _ in range(3):
                async with raw_client(address) as refused:
                    assert await refused.rest() == b""

    run_briefly(scenario)
    assert [each.getMessage() for each in caplog.records] == [
        "test: connections are closed at once, the last one from 127.0.0.1: 1 are open from 127.0.0.1, "
        "the most that one worker takes from one address (`connections_per_address`)"
    ]


def test_connections_closed_at_a_limit_are_counted_and_told_by_listener_and_limit(
    caplog: pytest.LogCaptureFixture,
) -> None:
    counted: list[tuple[str, ConnectionLimit]] = []

    def endpoint(name: str, limits: Limits) -> Endpoint:
        def note(limit: ConnectionLimit) -> None:
            counted.append((name, limit))

        return Endpoint(name, ANY_PORT, ScriptedService(), None, limits, note_refused=note)

    async def scenario() -> None:
        endpoints = [endpoint("proxy", Limits(connections_per_address=1)), endpoint("health", Limits(connections=1))]
        async with serve(endpoints) as running:
            assert running.open_connections() == {"proxy": 0, "health": 0}
            for name in ("proxy", "health"):
                async with raw_client(running.address(name)) as served:
                    served.send(GET)
                    await served.answer()
                    assert running.open_connections()[name] == 1
                    for _ in range(2):
                        async with raw_client(running.address(name)) as refused:
                            assert await refused.rest() == b""

    run_briefly(scenario)
    assert counted == [("proxy", ConnectionLimit.ADDRESS)] * 2 + [("health", ConnectionLimit.ALL)] * 2
    assert [each.getMessage().split(",")[0] for each in caplog.records] == [
        "proxy: connections are closed at once",
        "health: connections are closed at once",
    ]
    assert caplog.records[1].getMessage().endswith("1 are open in all, the most that one worker takes (`connections`)")


@pytest.mark.parametrize(("clients", "counted"), [("127.0.0.1", "127.0.0.1"), ("::1", "::/64")])
def test_on_a_socket_for_both_the_log_tells_whose_connections_are_counted(
    clients: str, counted: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        endpoint = Endpoint("a", Address("::", 0), ScriptedService(), None, Limits(connections_per_address=1))
        async with serve([endpoint]) as running:
            address = Address(clients, running.address("a").port)
            async with raw_client(address) as served, raw_client(address) as refused:
                assert await refused.rest() == b""
                served.send(GET)
                assert await served.answer() == (200, b"/x")

    run_briefly(scenario)
    (told,) = caplog.records
    assert f"1 are open from {counted}, " in told.getMessage()


def test_a_stop_that_does_not_linger_ends_handshakes_under_way() -> None:
    async def scenario() -> None:
        tls = server_context(key_pair(AUTHORITY, "localhost")).context
        async with contextlib.AsyncExitStack() as server:
            address = await server.enter_async_context(serving(ScriptedService(), tls=tls))
            reader, writer = await asyncio.open_connection(*address)
            await asyncio.sleep(0.05)
            await server.aclose()
            async with asyncio.timeout(1.0):
                assert await reader.read() == b""
            writer.close()

    run_briefly(scenario)
