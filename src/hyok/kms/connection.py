"""Open connections to the proxies of custom key stores: which are usable, and how their proxies are.

A connection is opened while its store connects, usable while the store is CONNECTED, and closed when it disconnects.
When each of these happens is decided in `store_lifecycle.py`.
"""

from __future__ import annotations

import logging
from typing import Final, NamedTuple

from hyok.clock import NO_DEADLINE, Clock
from hyok.kms.custom_key_stores import CustomKeyStore
from hyok.kms.endpoints import ProxyEndpoints
from hyok.kms.external_failures import ExternalFailure, failure_of
from hyok.transport.client import HttpClientPool
from hyok.xks.messages import EkmHealthStatus, GetHealthStatusResponse, RequestMetadata
from hyok.xks_client import XksClientError, XksProxyClient

_log: Final = logging.getLogger(__name__)


class HealthCheck(NamedTuple):
    """What one GetHealthStatus showed."""

    at: float
    """Unix seconds."""
    failure: ExternalFailure | None
    status: GetHealthStatusResponse | None
    """The proxy's answer, if there was one."""


class HealthQuestion(NamedTuple):
    """On whose behalf a proxy is asked how it is."""

    kms_operation: str
    """The KMS operation, or `KmsHealthCheck` for the periodic check."""
    request_id: str


class _Connection(NamedTuple):
    pool: HttpClientPool
    client: XksProxyClient


class ProxyConnections:
    """The connections of all custom key stores of one KMS service."""

    def __init__(self, endpoints: ProxyEndpoints, clock: Clock) -> None:
        self._endpoints = endpoints
        self._clock = clock
        self._open: dict[str, _Connection] = {}
        self._usable: dict[str, XksProxyClient] = {}
        self._health: dict[str, HealthCheck] = {}

    def client(self, store_id: str) -> XksProxyClient | None:
        """Return the client of a CONNECTED store, else None. On the path of every cryptographic operation."""
        return self._usable.get(store_id)

    def last_health(self, store_id: str) -> HealthCheck | None:
        """Return what the newest health check of an open connection showed."""
        return self._health.get(store_id)

    def open(self, store: CustomKeyStore) -> None:
        """Make a connection for a store, not usable yet. EndpointServiceUnfit if there is no way to its proxy."""
        pool = self._endpoints.open_pool(store)
        self._open[store.id] = _Connection(pool, _client_of(store, pool, self._clock))

    def admit(self, store_id: str) -> None:
        """Let KMS keys use an open connection."""
        self._usable[store_id] = self._open[store_id].client

    def bar(self, store_id: str) -> None:
        """Let no KMS key use a connection any longer; what was sent may still be answered."""
        self._usable.pop(store_id, None)

    def revise(self, store: CustomKeyStore) -> None:
        """Let an open connection, if there is one, use a store's new credential and path from the next request on."""
        connection = self._open.get(store.id)
        if connection is None:
            return
        # Its host cannot have changed: that takes a disconnected store. So the pool stays, and what it has in flight.
        self._open[store.id] = _Connection(connection.pool, _client_of(store, connection.pool, self._clock))
        if store.id in self._usable:
            self.admit(store.id)

    async def close(self, store_id: str) -> None:
        """Close a store's connection, if there is one."""
        self.bar(store_id)
        self._health.pop(store_id, None)
        connection = self._open.pop(store_id, None)
        if connection is not None:
            await connection.pool.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        for store_id in list(self._open):
            await self.close(store_id)

    async def check(self, store_id: str, question: HealthQuestion) -> HealthCheck:
        """Ask the proxy behind an open connection how it is, and remember the answer."""
        found = await self._ask(store_id, self._open[store_id].client, question)
        if store_id in self._open:
            self._health[store_id] = found
        return found

    def require_way(self, store: CustomKeyStore) -> None:
        """Return if a store's VPC endpoint service, should it have one, leads to a proxy. EndpointServiceUnfit."""
        self._endpoints.locate(store)

    async def probe(self, store: CustomKeyStore, question: HealthQuestion) -> ExternalFailure | None:
        """Ask a proxy how it is over a connection made for that only, as a store of these values would.

        EndpointServiceUnfit if there is no way to it.
        """
        pool = self._endpoints.open_pool(store)
        try:
            return (await self._ask(store.id, _client_of(store, pool, self._clock), question)).failure
        finally:
            await pool.aclose()

    async def _ask(self, store_id: str, client: XksProxyClient, question: HealthQuestion) -> HealthCheck:
        metadata = RequestMetadata(kms_operation=question.kms_operation, kms_request_id=question.request_id)
        try:
            status = await client.get_health_status(metadata, NO_DEADLINE)
        except XksClientError as error:
            _log.warning("%s: the proxy of the custom key store %s: %s", question.kms_operation, store_id, error)
            return HealthCheck(self._clock.now(), failure_of(error), None)
        unavailable = all(
            instance.health_status is EkmHealthStatus.UNAVAILABLE for instance in status.ekm_fleet_details
        )
        return HealthCheck(self._clock.now(), ExternalFailure.ALL_UNAVAILABLE if unavailable else None, status)


def _client_of(store: CustomKeyStore, pool: HttpClientPool, clock: Clock) -> XksProxyClient:
    return XksProxyClient(
        pool,
        host=store.host,
        uri_path=store.uri_path,
        region=store.region,
        access_key_id=store.credential.access_key_id,
        secret=store.credential.secret,
        clock=clock,
    )
