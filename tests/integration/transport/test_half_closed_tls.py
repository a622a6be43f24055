"""Clients that end their side of TLS and still read: what was carried out for them is answered where it can be."""

from __future__ import annotations

import asyncio
import ssl

import pytest
import trustme

from hyok.transport.messages import HttpRequest, HttpResponse
from hyok.transport.tls import client_context, server_context
from tests.integration.transport.half_closing import ask_and_end
from tests.integration.transport.programs import run_briefly, serving
from tests.unit.transport.certificates import authority_source, key_pair
from tests.unit.transport.doubles import ScriptedService

AUTHORITY = trustme.CA()
SERVER = server_context(key_pair(AUTHORITY, "localhost")).context
VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])


def get(target: bytes) -> bytes:
    return b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % target


def ask(service: ScriptedService, *targets: bytes, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> bytes:
    """Return all that a client gets which ends its side right behind these requests."""
    context = client_context(authority_source(AUTHORITY)).context
    context.maximum_version = version

    async def scenario() -> bytes:
        async with serving(service, tls=SERVER) as address:
            return await asyncio.to_thread(ask_and_end, address, context, *map(get, targets))

    return run_briefly(scenario)


@VERSIONS
def test_a_client_that_ends_its_side_right_behind_its_requests_is_answered(version: ssl.TLSVersion) -> None:
    service = ScriptedService()
    received = ask(service, b"/a", b"/b", version=version)
    assert [request.target for request in service.requests] == [b"/a", b"/b"]
    first, second = received.split(b"HTTP/1.1 200 OK\r\n")[1:]
    assert first.endswith(b"/a")
    assert second.endswith(b"/b")
    assert b"\r\nconnection: close\r\n" in second


def test_no_answer_leaves_that_way_without_its_record() -> None:
    service = ScriptedService()
    service.unsafe = OSError("disk full")
    received = ask(service, b"/secret")
    assert received.startswith(b"HTTP/1.1 500 ")
    assert b"/secret" not in received


def test_an_answer_whose_record_is_not_durable_yet_is_not_sent_that_way() -> None:
    async def scenario() -> None:
        service = ScriptedService()
        safe = asyncio.get_running_loop().create_future()
        service.syncs.append(safe)
        context = client_context(authority_source(AUTHORITY)).context
        async with serving(service, tls=SERVER) as address:
            client = asyncio.create_task(asyncio.to_thread(ask_and_end, address, context, get(b"/a")))
            assert await client == b""  # the connection is closed before
            safe.set_result(None)
        assert len(service.requests) == 1

    run_briefly(scenario)


def test_an_answer_that_has_to_be_waited_for_is_given_up() -> None:
    ended: list[type[BaseException]] = []

    async def wait(request: HttpRequest) -> HttpResponse:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError as error:
            ended.append(type(error))
            raise
        raise AssertionError

    assert ask(ScriptedService(wait), b"/a") == b""
    assert ended == [asyncio.CancelledError]
