"""What happens to custom key stores in the background: they connect, disconnect and are watched, a task each at most.

Also what another process began, or the last run left. Whoever changes a store inside a turn begins it here.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Coroutine
from dataclasses import replace
from typing import Final, NamedTuple
from uuid import uuid4

from hyok.kms.connection import HealthQuestion, ProxyConnections
from hyok.kms.connection_state import ConnectionErrorCode, ConnectionState
from hyok.kms.custom_key_stores import CustomKeyStore, CustomKeyStoreDirectory
from hyok.kms.external_failures import connection_error_code
from hyok.kms.store_repository import CustomKeyStoreRepository
from hyok.kms.turns import Turns
from hyok.kms.vpc_endpoint_services import EndpointServiceUnfit
from hyok.storage.errors import StorageError

_log: Final = logging.getLogger(__name__)


class LifecycleTimes(NamedTuple):
    """How long what happens in the background takes."""

    settle_seconds: float
    """Between the answer to Connect or Disconnect and its effect: minutes at AWS, never 0, so that clients poll."""
    health_check_seconds: float
    """Between the health checks of a connected store."""
    take_over_seconds: float = 10.0
    """How much longer than usual another process may take to connect or disconnect, before this one does it."""


class StoreTransitions:
    """Sees stores through from one state to the next. Made before the event loop runs, then `open`ed in it."""

    def __init__(
        self,
        *,
        directory: CustomKeyStoreDirectory,
        repository: CustomKeyStoreRepository,
        connections: ProxyConnections,
        times: LifecycleTimes,
        turns: Turns,
    ) -> None:
        self._directory = directory
        self._repository = repository
        self._connections = connections
        self._times = times
        self._turns = turns
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._group = asyncio.TaskGroup()

    async def open(self) -> None:
        """Begin in the running loop."""
        await self._group.__aenter__()

    async def aclose(self) -> None:
        """End the background work. What is connected stays so for the next start."""
        for task in self._tasks.values():
            task.cancel()
        await self._group.__aexit__(None, None, None)

    def begin_connecting(self, store_id: str, request_id: str) -> None:
        """Connect a store that is CONNECTING."""
        self._begin(store_id, self._finish_connecting(store_id, request_id))

    def begin_disconnecting(self, store_id: str) -> None:
        """Disconnect a store that is DISCONNECTING."""
        self._begin(store_id, self._finish_disconnecting(store_id))

    def forget(self, store_id: str) -> None:
        """Do no more for a store that was deleted."""
        self._tasks.pop(store_id, None)

    async def resume(self, store_id: str) -> None:
        """Take up what the last run left of a store. To be called inside a turn."""
        store = self._directory.known(store_id)
        if store is None:
            return  # another process was faster
        match store.state:
            case ConnectionState.CONNECTED:
                await self._resume_connected(store)
            case ConnectionState.CONNECTING:
                self.begin_connecting(store.id, str(uuid4()))
            case ConnectionState.DISCONNECTING:
                disconnected = replace(store, state=ConnectionState.DISCONNECTED)
                await self._repository.replace(disconnected)
                self._directory.put(disconnected)
            case ConnectionState.DISCONNECTED | ConnectionState.FAILED:
                pass

    async def _resume_connected(self, store: CustomKeyStore) -> None:
        # Without asking the proxy: CONNECTED says that connecting succeeded once, and an outage must not undo it.
        try:
            self._connections.open(store)
        except EndpointServiceUnfit as error:
            await self._conclude(store.id, ConnectionState.FAILED, connection_error_code(error.failure))
            return
        self._connections.admit(store.id)
        self._begin(store.id, self._watch(store.id))

    async def take_in(self, store_id: str, store: CustomKeyStore | None) -> None:
        """Take in what another process made of a store; None if it was deleted."""
        known = self._directory.known(store_id)
        if store is None:
            if known is not None:
                self._directory.remove(store_id)
            await self._part(store_id)
        elif store != known:
            self._directory.put(store)
            if known is not None and _has_same_connection(store, known):
                self._connections.revise(store)
            else:
                await self._follow(store)

    async def _follow(self, store: CustomKeyStore) -> None:
        """Connect or part as another process did, which also sees it through, unless it ends before."""
        match store.state:
            case ConnectionState.CONNECTED:
                await self._part(store.id)
                self._reconnect(store)
            case ConnectionState.CONNECTING:
                self._begin(store.id, self._take_over(self._finish_connecting(store.id, str(uuid4()))))
            case ConnectionState.DISCONNECTING:
                self._connections.bar(store.id)
                self._begin(store.id, self._take_over(self._finish_disconnecting(store.id)))
            case ConnectionState.DISCONNECTED | ConnectionState.FAILED:
                await self._part(store.id)

    async def _take_over(self, work: Coroutine[object, object, None]) -> None:
        try:
            await asyncio.sleep(self._times.settle_seconds + self._times.take_over_seconds)
        except asyncio.CancelledError:
            work.close()  # the other process has done it
            raise
        await work

    async def _part(self, store_id: str) -> None:
        task = self._tasks.pop(store_id, None)
        if task is not None:
            task.cancel()
        await self._connections.close(store_id)

    def _reconnect(self, store: CustomKeyStore) -> None:
        try:
            self._connections.open(store)
        except EndpointServiceUnfit as error:
            _log.error("the custom key store %s is connected, but not from this process: %s", store.id, error)
            return
        self._connections.admit(store.id)
        self._begin(store.id, self._watch(store.id))

    def _begin(self, store_id: str, work: Coroutine[object, object, None]) -> None:
        running = self._tasks.get(store_id)
        if running is not None:
            running.cancel()
        self._tasks[store_id] = self._group.create_task(self._contain(store_id, work))

    async def _contain(self, store_id: str, work: Coroutine[object, object, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001  # what is wrong with one store must not end the service
            # Where, and of what type, but not the text: it could hold anything.
            where = "".join(traceback.format_tb(error.__traceback__))
            _log.error("the work on the custom key store %s ended with %s\n%s", store_id, type(error).__name__, where)
            await self._turns.take(lambda: self._conclude_connecting(store_id, ConnectionErrorCode.INTERNAL_ERROR))

    async def _finish_connecting(self, store_id: str, request_id: str) -> None:
        await asyncio.sleep(self._times.settle_seconds)
        error = await self._try_connecting(store_id, request_id)
        await self._turns.take(lambda: self._conclude_connecting(store_id, error))
        if error is None:
            await self._watch(store_id)

    async def _try_connecting(self, store_id: str, request_id: str) -> ConnectionErrorCode | None:
        try:
            self._connections.open(self._directory.get(store_id))
        except EndpointServiceUnfit as error:
            return connection_error_code(error.failure)
        check = await self._connections.check(store_id, HealthQuestion("ConnectCustomKeyStore", request_id))
        return connection_error_code(check.failure) if check.failure else None

    async def _conclude_connecting(self, store_id: str, error: ConnectionErrorCode | None) -> None:
        if not self._is(ConnectionState.CONNECTING, store_id):
            return  # disconnected while it waited for its turn, or connected by another process
        if error is None:
            await self._conclude(store_id, ConnectionState.CONNECTED)
            self._connections.admit(store_id)
        else:
            await self._connections.close(store_id)
            await self._conclude(store_id, ConnectionState.FAILED, error)

    async def _finish_disconnecting(self, store_id: str) -> None:
        await asyncio.sleep(self._times.settle_seconds)
        await self._connections.close(store_id)
        await self._turns.take(lambda: self._conclude_disconnecting(store_id))

    async def _conclude_disconnecting(self, store_id: str) -> None:
        if self._is(ConnectionState.DISCONNECTING, store_id):
            await self._conclude(store_id, ConnectionState.DISCONNECTED)

    def _is(self, state: ConnectionState, store_id: str) -> bool:
        store = self._directory.known(store_id)
        return store is not None and store.state is state

    async def _watch(self, store_id: str) -> None:
        while True:
            await asyncio.sleep(self._times.health_check_seconds)
            await self._connections.check(store_id, HealthQuestion("KmsHealthCheck", str(uuid4())))

    async def _conclude(self, store_id: str, state: ConnectionState, error: ConnectionErrorCode | None = None) -> None:
        store = replace(self._directory.get(store_id), state=state, connection_error=error)
        try:
            await self._repository.replace(store)
        except StorageError as failure:
            # The next start resumes from what is stored: CONNECTING or DISCONNECTING.
            text = "the custom key store %s is %s, but that could not be stored: %s"
            _log.error(text, store_id, state.value, failure)
        self._directory.put(store)


def _has_same_connection(one: CustomKeyStore, other: CustomKeyStore) -> bool:
    """Tell whether two states of a store leave a connection as it is, but for the credential and the path."""
    return (one.state, one.host, one.connectivity, one.vpc_endpoint_service) == (
        other.state,
        other.host,
        other.connectivity,
        other.vpc_endpoint_service,
    )
