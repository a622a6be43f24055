"""Two ways to Transit as a cluster of hyok's: one is lost under load, and nobody notices."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from hyok.clock import deadline_in
from hyok.keymanagers.cluster.manager import Choice, ClusterKeyManager
from hyok.keymanagers.interface import HealthStatus
from tests.integration.transit.managers import least_login, managing, new_key, run, setup_of
from tests.integration.transit.relay import Relay, relaying
from tests.integration.transit.servers import Server
from tests.integration.transit.test_failing import under_load


@asynccontextmanager
async def cluster_over(server: Server, relays: tuple[Relay, Relay], key: str) -> AsyncIterator[ClusterKeyManager]:
    """Both members have the same keys, because both ways lead to one server."""
    login = least_login(server, [key])
    one, other = (
        setup_of(server, login, servers=[f"https://localhost:{relay.port}"], health_key=key) for relay in relays
    )
    async with managing(one) as first, managing(other) as second:
        yield ClusterKeyManager([("a", first), ("b", second)], choice=Choice.FASTEST)


async def _end(relay: Relay) -> None:
    await relay.end()


async def _swallow(relay: Relay) -> None:
    relay.swallow()


@pytest.mark.parametrize("lose", [_end, _swallow], ids=["refuses connections", "swallows what it is sent"])
def test_a_server_that_is_lost_under_load_fails_no_request(
    server: Server, lose: Callable[[Relay], Awaitable[None]]
) -> None:
    async def check() -> None:
        key = new_key(server)
        async with (
            relaying(server.port) as first,
            relaying(server.port) as second,
            cluster_over(server, (first, second), key) as cluster,
            under_load(cluster, key) as load,
        ):
            load.outcomes.clear()
            await lose(first)
            assert set(await load.outcomes_during(0.8)) == {"right"}
            members = await cluster.check_health(deadline_in(1))
            assert [(member.id, member.status) for member in members] == [
                ("a", HealthStatus.UNAVAILABLE),
                ("b", HealthStatus.ACTIVE),
            ]

    run(check())
