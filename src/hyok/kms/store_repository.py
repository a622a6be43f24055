"""Custom key stores in the KMS side's storage, their secrets sealed by its safe."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from hyok.clock import Clock
from hyok.custody.safe import Safe
from hyok.kms.connection_state import ConnectionErrorCode, ConnectionState
from hyok.kms.custom_key_stores import Connectivity, CustomKeyStore, ProxyCredential, VpcEndpointService
from hyok.kms.row_seals import RowSeals, read_rows
from hyok.kms.turns import Turns
from hyok.storage.changes import ChangeKind, record_change
from hyok.storage.engine import Storage
from hyok.storage.schema import custom_key_stores

_TYPE: Final = "EXTERNAL_KEY_STORE"
_TABLE: Final = custom_key_stores.name


class CustomKeyStoreRepository:
    """Keeps custom key stores across restarts. Each write is durable when it returns. Raises StorageError."""

    def __init__(self, storage: Storage, safe: Safe, clock: Clock, turns: Turns | None = None) -> None:
        """With `turns`, what is written is written from inside a turn."""
        self._storage = storage
        self._run = storage.run if turns is None else turns.store
        self._safe = safe
        self._seals = RowSeals(safe)
        self._clock = clock

    async def load(self) -> tuple[CustomKeyStore, ...]:
        """Return all stores. IntegrityError if a row is not as hyok wrote it."""

        def read(connection: Connection) -> tuple[CustomKeyStore, ...]:
            return tuple(
                self._store_of(row) for row in read_rows(connection, select(custom_key_stores), custom_key_stores)
            )

        return await self._storage.read(read)

    async def read(self, store_ids: Collection[str]) -> dict[str, CustomKeyStore]:
        """Return some stores by their ids; those that are not there are left out. IntegrityError as for `load`."""
        query = select(custom_key_stores).where(custom_key_stores.c.id.in_(store_ids))

        def read(connection: Connection) -> dict[str, CustomKeyStore]:
            return {row["id"]: self._store_of(row) for row in read_rows(connection, query, custom_key_stores)}

        return await self._storage.read(read)

    async def add(self, store: CustomKeyStore) -> None:
        """Write a new store."""
        row = self._row_of(store)

        def write(connection: Connection) -> None:
            connection.execute(insert(custom_key_stores), row)
            self._record(connection, store.id)

        await self._run(write)

    async def replace(self, store: CustomKeyStore) -> None:
        """Write a store over the one with its id."""
        row = self._row_of(store)

        def write(connection: Connection) -> None:
            connection.execute(update(custom_key_stores).where(custom_key_stores.c.id == store.id), row)
            self._record(connection, store.id)

        await self._run(write)

    async def delete(self, store_id: str) -> None:
        """Delete a store; StorageError if a KMS key still refers to it."""

        def write(connection: Connection) -> None:
            connection.execute(delete(custom_key_stores).where(custom_key_stores.c.id == store_id))
            self._record(connection, store_id)

        await self._run(write)

    def _record(self, connection: Connection, store_id: str) -> None:
        record_change(connection, ChangeKind.CUSTOM_KEY_STORE, store_id, at=self._clock.now())

    def _row_of(self, store: CustomKeyStore) -> dict[str, object]:
        service = store.vpc_endpoint_service
        # The secret is bound to its store and to its other half: put into another row it does not open.
        access_key_id, secret = store.credential
        row = {
            "id": store.id,
            "account": store.account,
            "region": store.region,
            "name": store.name,
            "type": _TYPE,
            "connectivity": store.connectivity.value,
            "uri_endpoint": store.uri_endpoint,
            "uri_path": store.uri_path,
            "access_key_id": access_key_id,
            "sealed_secret": self._safe.seal(secret.reveal(), *place_of_credential(store.id, access_key_id)),
            "credential_set_at": store.credential_set_at,
            "vpc_service_name": service.name if service else None,
            "vpc_service_owner": service.owner if service else None,
            "connection_state": store.state.value,
            "connection_error_code": store.connection_error.value if store.connection_error else None,
            "created_at": store.created_at,
        }
        return self._seals.sealed(custom_key_stores, row)

    def _store_of(self, row: RowMapping) -> CustomKeyStore:
        self._seals.check(custom_key_stores, row)
        name, owner, error = row["vpc_service_name"], row["vpc_service_owner"], row["connection_error_code"]
        access_key_id = row["access_key_id"]
        secret = self._safe.open(row["sealed_secret"], *place_of_credential(row["id"], access_key_id))
        return CustomKeyStore(
            account=row["account"],
            region=row["region"],
            id=row["id"],
            name=row["name"],
            connectivity=Connectivity(row["connectivity"]),
            uri_endpoint=row["uri_endpoint"],
            uri_path=row["uri_path"],
            vpc_endpoint_service=VpcEndpointService(name, owner) if name else None,
            credential=ProxyCredential(access_key_id, secret),
            credential_set_at=row["credential_set_at"],
            state=ConnectionState(row["connection_state"]),
            connection_error=ConnectionErrorCode(error) if error else None,
            created_at=row["created_at"],
        )


def place_of_credential(store_id: str, access_key_id: str) -> tuple[str, str, str]:
    """Return what the secret of a store's credential is bound to."""
    return _TABLE, store_id, access_key_id
