"""What is answered while servers fail, and how soon all is well again."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from hyok.clock import deadline_in
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import HealthStatus, KeyManager
from hyok.keymanagers.transit.session import TRUSTED_SECONDS
from hyok.keymanagers.transit.setup import TokenLogin
from hyok.secret import Secret
from tests.integration.transit.managers import (
    AAD,
    failure_of,
    least_login,
    managing,
    new_key,
    new_token,
    root_login,
    run,
    setup_of,
    soon,
)
from tests.integration.transit.relay import Relay, relaying
from tests.integration.transit.servers import Server, running_server

REQUEST_SECONDS = 0.5
RECOVERY_SECONDS = 5.0


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that the tests of this module may break, but must mend again."""
    with _prepared_server(tmp_path_factory.mktemp("own")) as server:
        yield server


@contextmanager
def _prepared_server(directory: Path) -> Iterator[Server]:
    with running_server(directory) as server:
        server.do("POST", "sys/mounts/transit", {"type": "transit"})
        server.do("POST", "sys/auth/approle", {"type": "approle"})
        yield server


class Load:
    """Round trips without a pause, sixteen at a time, each with the deadline of a request."""

    def __init__(self, manager: KeyManager, key: str) -> None:
        self._manager = manager
        self._key = key
        self.outcomes: Counter[str] = Counter()
        self.latest_seconds = 0.0

    async def run(self) -> None:
        await asyncio.gather(*(self._repeat(number) for number in range(16)))

    async def _repeat(self, number: int) -> None:
        while True:
            began_at = time.monotonic()
            self.outcomes[await self._try(f"{number} at {began_at}".encode())] += 1
            self.latest_seconds = max(self.latest_seconds, time.monotonic() - began_at)
            await asyncio.sleep(0.002)

    async def _try(self, plaintext: bytes) -> str:
        deadline = deadline_in(REQUEST_SECONDS)
        try:
            version = await self._manager.active_version(self._key, deadline)
            sealed = await self._manager.encrypt(version, plaintext, AAD, deadline)
            decrypted = await self._manager.decrypt(version, sealed, AAD, deadline)
        except KeyManagerError as error:
            return error.failure.name
        return "right" if decrypted == plaintext else "WRONG"

    async def outcomes_during(self, seconds: float) -> Counter[str]:
        """Return what comes within this time."""
        self.outcomes.clear()
        await asyncio.sleep(seconds)
        return +self.outcomes

    async def seconds_to_recover(self) -> float:
        """Return after what time calls succeed again, which then go on to do so."""
        began_at = time.monotonic()
        self.outcomes.clear()
        while not self.outcomes["right"]:
            assert time.monotonic() - began_at < RECOVERY_SECONDS, self.outcomes
            await asyncio.sleep(0.01)
        return time.monotonic() - began_at


@asynccontextmanager
async def under_load(manager: KeyManager, key: str) -> AsyncIterator[Load]:
    load = Load(manager, key)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(load.run())
        assert set(await load.outcomes_during(0.3)) == {"right"}
        yield load
        task.cancel()
    assert load.outcomes["WRONG"] == 0


def test_a_sealed_server_is_unavailable_and_serves_at_once_when_unsealed(own_server: Server) -> None:
    async def check() -> None:
        key = new_key(own_server)
        async with (
            managing(setup_of(own_server, least_login(own_server, [key]))) as manager,
            under_load(manager, key) as load,
        ):
            own_server.seal()
            await asyncio.sleep(0.1)
            assert set(await load.outcomes_during(0.7)) == {"UNAVAILABLE"}
            await asyncio.to_thread(own_server.unseal)
            await load.seconds_to_recover()
            assert set(await load.outcomes_during(0.3)) == {"right"}

    run(check())


def test_a_server_that_stands_still_is_timed_out_in_time_and_recovers(own_server: Server) -> None:
    async def check() -> None:
        key = new_key(own_server)
        async with (
            managing(setup_of(own_server, least_login(own_server, [key]))) as manager,
            under_load(manager, key) as load,
        ):
            with own_server.frozen():
                await asyncio.sleep(0.1)
                assert set(await load.outcomes_during(0.8)) == {"TIMED_OUT"}
                assert load.latest_seconds < REQUEST_SECONDS + 0.2
            await load.seconds_to_recover()
            await asyncio.sleep(0.3)
            assert set(await load.outcomes_during(0.3)) == {"right"}

    run(check())


def test_a_server_that_is_gone_is_unavailable(tmp_path: Path) -> None:
    async def check(server: Server) -> None:
        key = new_key(server)
        async with (
            managing(setup_of(server, least_login(server, [key]))) as manager,
            under_load(manager, key) as load,
        ):
            server.kill()
            await asyncio.sleep(0.1)
            assert set(await load.outcomes_during(0.3)) == {"UNAVAILABLE"}

    with _prepared_server(tmp_path) as server:
        run(check(server))


def test_a_revoked_token_is_replaced_without_a_failure(server: Server) -> None:
    async def check() -> None:
        key = new_key(server)
        tokens = [new_token(server, [key], ttl="1h") for _ in range(2)]
        given = iter(tokens)
        login = TokenLogin(lambda: Secret(next(given).encode()))
        async with managing(setup_of(server, login)) as manager, under_load(manager, key) as load:
            await asyncio.sleep(TRUSTED_SECONDS)  # for so long a refusal is taken to be the policy's
            server.do("POST", "auth/token/revoke", {"token": tokens[0]})
            assert set(await load.outcomes_during(0.6)) == {"right"}
        assert next(given, None) is None

    run(check())


def test_connections_that_break_are_made_anew(server: Server) -> None:
    async def check() -> None:
        key = new_key(server)
        async with relaying(server.port) as relay:
            setup = setup_of(server, least_login(server, [key]), servers=[_address(relay)])
            async with managing(setup) as manager, under_load(manager, key) as load:
                for _ in range(5):
                    relay.cut()
                    await asyncio.sleep(0.1)
                outcomes = await load.outcomes_during(0.3)
                assert set(outcomes) == {"right"}
                assert relay.connections > 5

    run(check())


def test_the_next_server_answers_when_one_is_gone_and_the_first_again_when_the_next_is(server: Server) -> None:
    async def check() -> None:
        key = new_key(server)
        async with relaying(server.port) as first, relaying(server.port) as second:
            setup = setup_of(server, least_login(server, [key]), servers=[_address(first), _address(second)])
            async with managing(setup) as manager, under_load(manager, key) as load:
                assert second.connections == 0
                await first.end()
                assert set(await load.outcomes_during(0.3)) == {"right"}
                assert second.connections > 0
                await first.begin()
                await second.end()
                assert set(await load.outcomes_during(0.3)) == {"right"}
                await first.end()
                await asyncio.sleep(0.1)
                assert set(await load.outcomes_during(0.3)) == {"UNAVAILABLE"}

    run(check())


def test_a_server_that_swallows_requests_costs_those_under_way_and_no_more(server: Server) -> None:
    async def check() -> None:
        key = new_key(server)
        async with relaying(server.port) as first, relaying(server.port) as second:
            setup = setup_of(server, least_login(server, [key]), servers=[_address(first), _address(second)])
            async with managing(setup) as manager, under_load(manager, key) as load:
                first.swallow()
                await asyncio.sleep(2 * REQUEST_SECONDS)
                assert set(load.outcomes) == {"right", "TIMED_OUT"}
                assert load.latest_seconds < REQUEST_SECONDS + 0.2
                assert set(await load.outcomes_during(0.3)) == {"right"}

    run(check())


def test_health_tells_the_members_apart(server: Server) -> None:
    async def check() -> None:
        health_key = new_key(server)
        async with relaying(server.port) as first, relaying(server.port) as second:
            login = least_login(server, [health_key])
            servers = [_address(first), _address(second)]
            async with managing(setup_of(server, login, servers=servers, health_key=health_key)) as manager:
                members = await manager.check_health(soon())
                assert [member.status for member in members] == [HealthStatus.ACTIVE] * 2
                assert [member.id for member in members] == [each.removeprefix("https://") for each in servers]
                assert members[0].model.startswith("Transit 2")
                await second.end()
                members = await manager.check_health(soon())
                assert [member.status for member in members] == [HealthStatus.ACTIVE, HealthStatus.UNAVAILABLE]

    run(check())


def test_health_needs_a_key_that_encrypts_and_says_when_it_has_none(server: Server) -> None:
    async def check() -> None:
        key = new_key(server)
        async with managing(setup_of(server, least_login(server, [key]))) as manager:
            (member,) = await manager.check_health(soon())
            assert member.status is HealthStatus.ACTIVE
            assert "keys not tried" in member.model
        async with managing(setup_of(server, least_login(server, [key]), health_key=key)) as manager:
            server.do("DELETE", f"transit/keys/{key}/soft-delete")
            (member,) = await manager.check_health(soon())
            assert member.status is HealthStatus.UNAVAILABLE
        async with managing(setup_of(server, root_login(server), health_key="no-such-key")) as manager:
            (member,) = await manager.check_health(soon())
            assert member.status is HealthStatus.UNAVAILABLE
        assert server.ask("GET", "/v1/transit/keys/no-such-key", token=server.root_token).status == 404

    run(check())


def test_a_sealed_server_is_unhealthy(own_server: Server) -> None:
    async def check() -> None:
        async with managing(setup_of(own_server, root_login(own_server))) as manager:
            (member,) = await manager.check_health(soon())
            assert member.status is HealthStatus.ACTIVE
            own_server.seal()
            (member,) = await manager.check_health(soon())
            assert member.status is HealthStatus.UNAVAILABLE
            assert member.model.startswith("Transit 2")
            own_server.unseal()

    run(check())


def test_an_address_where_nobody_listens_is_unavailable(server: Server) -> None:
    async def check() -> None:
        async with relaying(server.port) as relay:
            address = _address(relay)
        async with managing(setup_of(server, root_login(server), servers=[address])) as manager:
            assert await failure_of(manager.active_version("k", soon())) is KeyManagerFailure.UNAVAILABLE

    run(check())


def test_a_server_whose_certificate_nobody_vouches_for_is_given_no_token(server: Server, own_server: Server) -> None:
    async def check() -> None:
        setup = setup_of(server, root_login(server), servers=[own_server.address])
        async with managing(setup) as manager:
            with pytest.raises(KeyManagerError, match="certificate") as raised:
                await manager.active_version("k", soon())
            assert raised.value.failure is KeyManagerFailure.UNAVAILABLE

    run(check())


def _address(relay: Relay) -> str:
    return f"https://localhost:{relay.port}"
