"""Which server is asked, and what is not sent twice: against servers that do as the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from hyok.clock import deadline_in
from hyok.keymanagers.errors import KeyManagerFailure
from hyok.keymanagers.transit.client import MAX_ANSWER_BYTES, NoAnswerError, Request, TransitClient
from hyok.keymanagers.transit.setup import TokenLogin, TransitSetup
from hyok.secret import Secret
from tests.integration.transit.managers import run

ROTATE = Request("POST", "/v1/transit/keys/k/rotate", b"{}", is_repeatable=False)
READ = Request("GET", "/v1/transit/keys/k")
TOKEN = Secret(b"s.token")


class Scripted:
    """A server that answers with one status, or hangs up."""

    def __init__(self) -> None:
        self.status = 200
        self.hangs_up = False
        self.body = b"{}"
        self.headers: dict[str, str] = {}
        self.seen: list[web.BaseRequest] = []
        self.address = ""

    async def answer(self, request: web.BaseRequest) -> web.Response:
        self.seen.append(request)
        if self.hangs_up and request.transport is not None:
            request.transport.abort()
        return web.Response(status=self.status, body=self.body, headers=self.headers)


@asynccontextmanager
async def scripted() -> AsyncIterator[Scripted]:
    server = Scripted()
    runner = web.ServerRunner(web.Server(server.answer, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()


@asynccontextmanager
async def asking(*servers: Scripted, namespace: str = "") -> AsyncIterator[TransitClient]:
    login = TokenLogin(lambda: TOKEN)
    addresses = tuple(server.address for server in servers)
    client = TransitClient(TransitSetup(addresses, "transit", login, namespace=namespace))
    try:
        yield client
    finally:
        await client.aclose()


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_that_is_sealed_or_fails_inside_makes_room_for_the_next_and_is_not_asked_again(status: int) -> None:
    async def check() -> None:
        async with scripted() as first, scripted() as second, asking(first, second) as client:
            first.status = status
            for _ in range(3):
                assert (await client.exchange(READ, TOKEN, deadline_in(5))).status == 200
            assert (len(first.seen), len(second.seen)) == (1, 3)
            second.status = status
            assert (await client.exchange(READ, TOKEN, deadline_in(5))).status == status
            assert len(first.seen) == 2

    run(check())


@pytest.mark.parametrize("status", [200, 400, 403, 404, 429])
def test_an_answer_is_an_answer_of_them_all(status: int) -> None:
    async def check() -> None:
        async with scripted() as first, scripted() as second, asking(first, second) as client:
            first.status = status
            assert (await client.exchange(READ, TOKEN, deadline_in(5))).status == status
            assert not second.seen

    run(check())


def test_what_must_not_happen_twice_is_sent_once() -> None:
    async def check() -> None:
        async with scripted() as first, scripted() as second, asking(first, second) as client:
            first.status = 500
            assert (await client.exchange(ROTATE, TOKEN, deadline_in(5))).status == 500
            assert (len(first.seen), len(second.seen)) == (1, 0)
            second.hangs_up = True
            with pytest.raises(NoAnswerError) as raised:
                await client.exchange(ROTATE, TOKEN, deadline_in(5))
            assert raised.value.was_sent
            assert (len(first.seen), len(second.seen)) == (1, 1)

    run(check())


def test_what_may_be_repeated_is_sent_again_when_the_server_hangs_up() -> None:
    async def check() -> None:
        async with scripted() as first, scripted() as second, asking(first, second) as client:
            first.hangs_up = True
            encrypt = Request("POST", "/v1/transit/encrypt/k", b"{}")
            assert (await client.exchange(encrypt, TOKEN, deadline_in(5))).status == 200
            assert (len(first.seen), len(second.seen)) == (2, 1)

    run(check())


def test_a_redirect_is_not_followed() -> None:
    async def check() -> None:
        async with scripted() as first, scripted() as elsewhere, asking(first) as client:
            first.status, first.headers = 307, {"Location": elsewhere.address + "/v1/transit/keys/k"}
            assert (await client.exchange(READ, TOKEN, deadline_in(5))).status == 307
            assert not elsewhere.seen

    run(check())


def test_an_answer_without_end_is_given_up() -> None:
    async def check() -> None:
        async with scripted() as server, asking(server) as client:
            server.body = bytes(MAX_ANSWER_BYTES + 1)
            with pytest.raises(NoAnswerError) as raised:
                await client.exchange(READ, TOKEN, deadline_in(20))
            assert raised.value.failure is KeyManagerFailure.UNAVAILABLE

    run(check())


def test_the_namespace_goes_with_all_but_health_and_the_token_with_what_needs_it() -> None:
    async def check() -> None:
        async with scripted() as server, asking(server, namespace="teams/a") as client:
            await client.exchange(READ, TOKEN, deadline_in(5))
            await client.exchange(Request("GET", "/v1/sys/health", is_in_namespace=False), None, deadline_in(5))
            sent, health = (each.headers for each in server.seen)
            assert (sent["X-Vault-Namespace"], sent["X-Vault-Token"]) == ("teams/a", "s.token")
            assert "X-Vault-Namespace" not in health
            assert "X-Vault-Token" not in health
            assert sent["X-Vault-Request"] == "true"

    run(check())


def test_nothing_is_asked_after_the_deadline() -> None:
    async def check() -> None:
        async with scripted() as server, asking(server) as client:
            with pytest.raises(NoAnswerError) as raised:
                await client.exchange(READ, TOKEN, deadline_in(-1))
            assert raised.value.failure is KeyManagerFailure.TIMED_OUT
            await asyncio.sleep(0.02)
            assert not server.seen

    run(check())
