"""The life of custom key stores: created, connected, changed, disconnected, deleted, and resumed after a restart.

Every change is checked, made durable and only then shown, one at a time. What takes longer goes on in the background:
`store_transitions.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from hyok.awsjson.errors import AwsError
from hyok.kms.call import Call
from hyok.kms.connection import ProxyConnections
from hyok.kms.connection_state import ConnectionState, StoreOperation, next_state
from hyok.kms.custom_key_stores import CustomKeyStore, CustomKeyStoreDirectory
from hyok.kms.store_repository import CustomKeyStoreRepository
from hyok.kms.store_transitions import LifecycleTimes, StoreTransitions
from hyok.kms.turns import Turns
from hyok.storage.changes import Change, ChangeKind


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
        self._turns = turns
        self._transitions = StoreTransitions(
            directory=directory, repository=repository, connections=connections, times=times, turns=turns
        )

    async def start(self) -> None:
        """Load all stores and take up what the last run left: connected stores, and those on their way."""
        await self._transitions.open()
        self._turns.tell(self.apply)
        for store in await self._repository.load():
            self._directory.put(store)
        for store in self._directory.all():
            await self._turns.take(partial(self._transitions.resume, store.id))

    async def aclose(self) -> None:
        """End the background work and close all connections. What is connected stays so for the next start."""
        await self._transitions.aclose()
        await self._turns.take(lambda: asyncio.sleep(0))  # a write that had begun ends before the storage closes
        await self._connections.aclose()

    async def apply(self, changes: Sequence[Change]) -> None:
        """Take in what other processes did to stores. HyokError if that cannot be read."""
        changed = {change.subject for change in changes if change.kind is ChangeKind.CUSTOM_KEY_STORE}
        if changed:
            found = await self._repository.read(changed)
            for store_id in sorted(changed):
                await self._transitions.take_in(store_id, found.get(store_id))

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
        self._transitions.begin_connecting(store_id, call.request_id)

    async def _disconnect(self, call: Call, store_id: str) -> None:
        store = self._find(call, store_id)
        state = _require(store, StoreOperation.DISCONNECT)
        await self._save(replace(store, state=state, connection_error=None))
        self._connections.bar(store_id)
        if state is ConnectionState.DISCONNECTING:
            self._transitions.begin_disconnecting(store_id)

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
        self._transitions.forget(store_id)

    def _find(self, call: Call, store_id: str) -> CustomKeyStore:
        store = self._directory.find(store_id, account=call.account, region=call.region)
        if call.trace is not None:
            call.trace.store = store
        return store

    async def _save(self, store: CustomKeyStore) -> None:
        await self._repository.replace(store)
        self._directory.put(store)


def _require(store: CustomKeyStore, operation: StoreOperation) -> ConnectionState:
    state = next_state(store.state, operation)
    if state is None:
        raise AwsError(
            "CustomKeyStoreInvalidStateException",
            f"The connection state of the custom key store {store.id} is {store.state.value}, which does not allow "
            f"{operation.value}.",
        )
    return state
