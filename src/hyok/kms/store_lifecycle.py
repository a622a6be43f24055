"""The life of custom key stores: created, connected, changed, disconnected, deleted, and resumed after a restart.

Every change is checked, made durable and only then shown, one at a time. Connecting and disconnecting finish in the
background, one task per store at most.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, NamedTuple
from uuid import uuid4

from hyok.awsjson.errors import AwsError
from hyok.kms.call import Call
from hyok.kms.connection import HealthQuestion, ProxyConnections
from hyok.kms.connection_state import ConnectionErrorCode, ConnectionState, StoreOperation, next_state
from hyok.kms.custom_key_stores import CustomKeyStore, CustomKeyStoreDirectory
from hyok.kms.external_failures import connection_error_code
from hyok.kms.store_repository import CustomKeyStoreRepository
from hyok.kms.turns import Turns
from hyok.kms.vpc_endpoint_services import EndpointServiceUnfit
from hyok.storage.changes import Change, ChangeKind
from hyok.storage.errors import StorageError

_log: Final = logging.getLogger(__name__)


TAKE_OVER_SECONDS: Final = 10.0
"""How much longer than usual another process may take to connect or disconnect, before this one does it."""


class LifecycleTimes(NamedTuple):
    """How long what happens in the background takes."""

    settle_seconds: float
    """Between the answer to Connect or Disconnect and its effect: minutes at AWS, never 0, so that clients poll."""
    health_check_seconds: float
    """Between the health checks of a connected store."""


class StoreChange(NamedTuple):
    """A change of a store's properties, applied to the store as it is when its turn comes."""

    operation: StoreOperation
    """UPDATE_ACCESS or UPDATE_ENDPOINT."""
    apply: Callable[[CustomKeyStore], CustomKeyStore]
    """Raises ValidationException for a change that makes no sense for the store."""


class StoreLifecycle:
    """Changes custom key stores. Made before the event loop runs, then `start`ed in it."""

    def __init__(
        self,
        *,
        directory: CustomKeyStoreDirectory,
        repository: CustomKeyStoreRepository,
        connections: ProxyConnections,
        has_keys: Callable[[str], bool],
        times: LifecycleTimes,
        turns: Turns,
    ) -> None:
        self._directory = directory
        self._repository = repository
        self._connections = connections
        self._has_keys = has_keys
        self._times = times
        self._turns = turns
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._group = asyncio.TaskGroup()

    async def start(self) -> None:
        """Load all stores and take up what the last run left: connected stores, and those on their way."""
        await self._group.__aenter__()
        self._turns.tell(self.apply)
        for store in await self._repository.load():
            self._directory.put(store)
        for store in self._directory.all():
            await self._turns.take(partial(self._resume, store.id))

    async def aclose(self) -> None:
        """End the background work and close all connections. What is connected stays so for the next start."""
        for task in self._tasks.values():
            task.cancel()
        await self._group.__aexit__(None, None, None)
        await self._turns.take(lambda: asyncio.sleep(0))  # a write that had begun ends before the storage closes
        await self._connections.aclose()

    async def apply(self, changes: Sequence[Change]) -> None:
        """Take in what other processes did to stores. HyokError if that cannot be read."""
        changed = {change.subject for change in changes if change.kind is ChangeKind.CUSTOM_KEY_STORE}
        if changed:
            found = await self._repository.read(changed)
            for store_id in sorted(changed):
                await self._take_in(store_id, found.get(store_id))

    async def add(self, store: CustomKeyStore) -> None:
        """Add a new store. Refused like `check_new`, because another may have come since that was asked."""
        await self._turns.take(lambda: self._add(store))

    def check_new(self, store: CustomKeyStore) -> None:
        """Refuse a store over the quota, or one that shares with another what must be its own."""
        self._directory.check_room(store.account, store.region)
        self._directory.check_unique(store)

    async def change(self, call: Call, store_id: str, change: StoreChange) -> None:
        """Change a store's properties, effective from its next request. Refused like `check_change`."""
        await self._turns.take(lambda: self._change(call, store_id, change))

    def check_change(self, call: Call, store_id: str, change: StoreChange) -> CustomKeyStore:
        """Return the store as it would be; refuse an unknown store, a state that forbids it, and what is not unique."""
        store = self._find(call, store_id)
        changed = change.apply(store)
        _require(store, change.operation)
        self._directory.check_unique(changed)
        return changed

    async def connect(self, call: Call, store_id: str) -> None:
        """Begin to connect a store; to a store that is connected, or on its way, nothing happens."""
        await self._turns.take(lambda: self._connect(call, store_id))

    async def disconnect(self, call: Call, store_id: str) -> None:
        """Let no KMS key use a store any longer, and begin to disconnect it."""
        await self._turns.take(lambda: self._disconnect(call, store_id))

    async def delete(self, call: Call, store_id: str) -> None:
        """Delete a disconnected store that has no KMS key left."""
        await self._turns.take(lambda: self._delete(call, store_id))

    # Each of these is one turn: what it decides by the directory still holds when the storage has it.

    async def _add(self, store: CustomKeyStore) -> None:
        self.check_new(store)
        await self._repository.add(store)
        self._directory.put(store)

    async def _change(self, call: Call, store_id: str, change: StoreChange) -> None:
        changed = self.check_change(call, store_id, change)
        await self._save(changed)
        self._connections.revise(changed)

    async def _connect(self, call: Call, store_id: str) -> None:
        store = self._find(call, store_id)
        state = _require(store, StoreOperation.CONNECT)
        if state is store.state:
            return
        await self._save(replace(store, state=state))
        self._begin(store_id, self._finish_connecting(store_id, call.request_id))

    async def _disconnect(self, call: Call, store_id: str) -> None:
        store = self._find(call, store_id)
        state = _require(store, StoreOperation.DISCONNECT)
        await self._save(replace(store, state=state, connection_error=None))
        self._connections.bar(store_id)
        if state is ConnectionState.DISCONNECTING:
            self._begin(store_id, self._finish_disconnecting(store_id))

    async def _delete(self, call: Call, store_id: str) -> None:
        store = self._find(call, store_id)
        if self._has_keys(store_id):
            raise AwsError(
                "CustomKeyStoreHasCMKsException",
                f"The custom key store {store_id} contains KMS keys. Schedule their deletion, and delete the key "
                "store when they are gone.",
            )
        _require(store, StoreOperation.DELETE)
        await self._repository.delete(store_id)
        self._directory.remove(store_id)
        self._tasks.pop(store_id, None)

    async def _conclude(self, store_id: str, state: ConnectionState, error: ConnectionErrorCode | None = None) -> None:
        store = replace(self._directory.get(store_id), state=state, connection_error=error)
        try:
            await self._repository.replace(store)
        except StorageError as error:
            # The next start resumes from what is stored: CONNECTING or DISCONNECTING.
            _log.error("the custom key store %s is %s, but that could not be stored: %s", store_id, state.value, error)
        self._directory.put(store)

    def _find(self, call: Call, store_id: str) -> CustomKeyStore:
        store = self._directory.find(store_id, account=call.account, region=call.region)
        if call.trace is not None:
            call.trace.store = store
        return store

    async def _save(self, store: CustomKeyStore) -> None:
        await self._repository.replace(store)
        self._directory.put(store)

    # In the background

    async def _take_in(self, store_id: str, store: CustomKeyStore | None) -> None:
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
            await asyncio.sleep(self._times.settle_seconds + TAKE_OVER_SECONDS)
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

    async def _resume(self, store_id: str) -> None:
        store = self._directory.known(store_id)
        if store is None:
            return  # another process was faster
        match store.state:
            case ConnectionState.CONNECTED:
                await self._resume_connected(store)
            case ConnectionState.CONNECTING:
                self._begin(store.id, self._finish_connecting(store.id, str(uuid4())))
            case ConnectionState.DISCONNECTING:
                await self._save(replace(store, state=ConnectionState.DISCONNECTED))
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

    async def _conclude_disconnecting(self, store_id: str) -> None:
        if self._is(ConnectionState.DISCONNECTING, store_id):
            await self._conclude(store_id, ConnectionState.DISCONNECTED)

    def _is(self, state: ConnectionState, store_id: str) -> bool:
        store = self._directory.known(store_id)
        return store is not None and store.state is state

    async def _finish_disconnecting(self, store_id: str) -> None:
        await asyncio.sleep(self._times.settle_seconds)
        await self._connections.close(store_id)
        await self._turns.take(lambda: self._conclude_disconnecting(store_id))

    async def _watch(self, store_id: str) -> None:
        while True:
            await asyncio.sleep(self._times.health_check_seconds)
            await self._connections.check(store_id, HealthQuestion("KmsHealthCheck", str(uuid4())))


def _has_same_connection(one: CustomKeyStore, other: CustomKeyStore) -> bool:
    """Tell whether two states of a store leave a connection as it is, but for the credential and the path."""
    return (one.state, one.host, one.connectivity, one.vpc_endpoint_service) == (
        other.state,
        other.host,
        other.connectivity,
        other.vpc_endpoint_service,
    )


def _require(store: CustomKeyStore, operation: StoreOperation) -> ConnectionState:
    state = next_state(store.state, operation)
    if state is None:
        raise AwsError(
            "CustomKeyStoreInvalidStateException",
            f"The connection state of the custom key store {store.id} is {store.state.value}, which does not allow "
            f"{operation.value}.",
        )
    return state
