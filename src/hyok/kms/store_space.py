"""Puts together all that exists of custom key stores. The sibling of `key_space.py`, which is opened first."""

from __future__ import annotations

from typing import NamedTuple

from hyok.clock import Clock
from hyok.custody.safe import Safe
from hyok.kms.connection import ProxyConnections
from hyok.kms.custom_key_stores import CustomKeyStoreDirectory
from hyok.kms.endpoints import ProxyEndpoints
from hyok.kms.external_keys import ExternalKeys
from hyok.kms.keys import Keys
from hyok.kms.operations.custom_key_stores import CustomKeyStoreOperations
from hyok.kms.store_lifecycle import LifecycleTimes, StoreLifecycle
from hyok.kms.store_repository import CustomKeyStoreRepository
from hyok.storage.engine import Storage


class StoreSpace(NamedTuple):
    """The custom key stores of one KMS service."""

    stores: CustomKeyStoreDirectory
    """Empty until the lifecycle is started."""
    lifecycle: StoreLifecycle
    """Must be started on the event loop that serves, and closed on it before the storage."""
    connections: ProxyConnections
    external_keys: ExternalKeys
    operations: CustomKeyStoreOperations


def open_store_space(
    storage: Storage,
    safe: Safe,
    clock: Clock,
    *,
    keys: Keys,
    endpoints: ProxyEndpoints,
    times: LifecycleTimes,
) -> StoreSpace:
    """Make the parts; nothing is read or sent yet."""
    stores = CustomKeyStoreDirectory()
    connections = ProxyConnections(endpoints, clock)
    lifecycle = StoreLifecycle(
        directory=stores,
        repository=CustomKeyStoreRepository(storage, safe, clock),
        connections=connections,
        has_keys=lambda store_id: bool(keys.of_store(store_id)),
        times=times,
    )
    operations = CustomKeyStoreOperations(directory=stores, lifecycle=lifecycle, connections=connections, clock=clock)
    return StoreSpace(stores, lifecycle, connections, ExternalKeys(connections), operations)
