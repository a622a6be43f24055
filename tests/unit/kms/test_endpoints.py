from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from hyok.clock import deadline_in
from hyok.kms.endpoints import ProxyEndpoints
from hyok.kms.vpc_endpoint_services import EndpointServiceUnfit
from hyok.transport.exchange import TransportError
from hyok.transport.sockets import Address
from hyok.transport.tls import client_context
from tests.unit.kms.test_custom_key_stores import STORE, VPC_STORE

NOWHERE = Address("127.0.0.1", 1)
ENDPOINTS = ProxyEndpoints(client_context(), endpoint_map={"xks.example.com": NOWHERE})


async def where(endpoint: str) -> str:
    """Return where a request to a store with this endpoint would go, as its failure tells."""
    pool = ENDPOINTS.open_pool(replace(STORE, uri_endpoint=endpoint))
    try:
        with pytest.raises(TransportError) as raised:
            await pool.exchange(
                method=b"POST", target=b"/", headers=((b"host", b"x"),), body=b"", deadline=deadline_in(0.2)
            )
        return raised.value.detail
    finally:
        await pool.aclose()


@pytest.mark.parametrize("endpoint", ["https://xks.example.com", "https://XKS.example.COM"])
def test_a_mapped_host_is_reached_where_the_map_says(endpoint: str) -> None:
    assert "127.0.0.1:1" in asyncio.run(where(endpoint))


def test_any_other_host_is_looked_up_and_asked_at_port_443(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, object]] = []

    async def look_up(_loop: object, host: object, port: object, **_: object) -> list[object]:
        asked.append((host, port))
        return []

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", look_up)
    asyncio.run(where("https://other.example.com"))
    assert asked == [("other.example.com", 443)]


def test_there_is_no_way_to_a_vpc_endpoint_service_that_nobody_told_of() -> None:
    with pytest.raises(EndpointServiceUnfit, match="could not find the specified VPC endpoint service"):
        ENDPOINTS.open_pool(VPC_STORE)
