from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from hyok.clock import SystemClock
from hyok.custody.errors import IntegrityError
from hyok.custody.safe import Safe, open_safe
from hyok.kms.connection_state import ConnectionErrorCode, ConnectionState
from hyok.kms.custom_key_stores import CustomKeyStore, ProxyCredential
from hyok.kms.store_repository import CustomKeyStoreRepository
from hyok.secret import Secret
from hyok.storage.changes import ChangeKind, changes_since
from hyok.storage.engine import Storage, open_storage
from hyok.storage.errors import StorageError
from hyok.storage.schema import Side, custom_key_stores
from tests.storages import storage_url
from tests.unit.kms.running import ROOT
from tests.unit.kms.test_custom_key_stores import OTHER, SECRET, STORE, VPC_STORE


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    storage = open_storage(storage_url(tmp_path / "kms.db", Side.KMS), Side.KMS)
    yield storage
    storage.close()


@pytest.fixture
def repository(storage: Storage) -> CustomKeyStoreRepository:
    return CustomKeyStoreRepository(storage, open_safe(storage, ROOT), SystemClock())


FAILED = replace(STORE, state=ConnectionState.FAILED, connection_error=ConnectionErrorCode.XKS_PROXY_TIMED_OUT)


@pytest.mark.parametrize("store", [STORE, VPC_STORE, FAILED], ids=["public", "VPC", "failed"])
def test_a_store_comes_back_as_it_was(repository: CustomKeyStoreRepository, store: CustomKeyStore) -> None:
    asyncio.run(repository.add(store))
    assert asyncio.run(repository.load()) == (store,)


def test_a_replaced_store_comes_back_as_it_is_now(repository: CustomKeyStoreRepository) -> None:
    asyncio.run(repository.add(STORE))
    changed = replace(
        STORE,
        name="renamed",
        state=ConnectionState.CONNECTED,
        credential=ProxyCredential("Z" * 20, Secret(b"A" * 43)),
    )
    asyncio.run(repository.replace(changed))
    assert asyncio.run(repository.load()) == (changed,)


def test_a_deleted_store_does_not_come_back(repository: CustomKeyStoreRepository) -> None:
    asyncio.run(repository.add(STORE))
    asyncio.run(repository.add(OTHER))
    asyncio.run(repository.delete(STORE.id))
    assert asyncio.run(repository.load()) == (OTHER,)


def test_a_store_is_not_added_twice(repository: CustomKeyStoreRepository) -> None:
    asyncio.run(repository.add(STORE))
    with pytest.raises(StorageError):
        asyncio.run(repository.add(STORE))


@pytest.mark.sqlite_files
def test_the_secret_is_stored_sealed(repository: CustomKeyStoreRepository, tmp_path: Path) -> None:
    asyncio.run(repository.add(STORE))
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert STORE.id.encode() in stored
    assert SECRET not in stored


@pytest.mark.parametrize(
    "edit", [{"id": OTHER.id}, {"access_key_id": "Z" * 20}], ids=["another store", "another access key"]
)
def test_a_secret_opens_only_in_its_own_row(
    repository: CustomKeyStoreRepository, storage: Storage, edit: dict[str, str]
) -> None:
    asyncio.run(repository.add(STORE))
    with storage.transaction() as connection:
        connection.execute(update(custom_key_stores).values(edit))
    with pytest.raises(IntegrityError):
        asyncio.run(repository.load())


def test_a_secret_opens_only_with_its_own_safe(repository: CustomKeyStoreRepository, storage: Storage) -> None:
    asyncio.run(repository.add(STORE))
    other = CustomKeyStoreRepository(storage, Safe("other", [Secret(bytes(32))]), SystemClock())
    with pytest.raises(IntegrityError):
        asyncio.run(other.load())


def test_every_write_is_in_the_change_log(repository: CustomKeyStoreRepository, storage: Storage) -> None:
    asyncio.run(repository.add(STORE))
    asyncio.run(repository.replace(FAILED))
    asyncio.run(repository.delete(STORE.id))
    with storage.reading() as connection:
        changes = changes_since(connection, 0)
    assert [(change.kind, change.subject) for change in changes] == [(ChangeKind.CUSTOM_KEY_STORE, STORE.id)] * 3
