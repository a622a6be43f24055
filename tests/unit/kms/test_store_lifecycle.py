from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from hyok.clock import SystemClock
from hyok.custody.safe import open_safe
from hyok.kms.connection import HealthCheck, HealthQuestion, ProxyConnections
from hyok.kms.connection_state import ConnectionErrorCode, ConnectionState, StoreOperation
from hyok.kms.custom_key_stores import CustomKeyStore, CustomKeyStoreDirectory
from hyok.kms.endpoints import ProxyEndpoints
from hyok.kms.store_lifecycle import StoreChange, StoreLifecycle
from hyok.kms.store_repository import CustomKeyStoreRepository
from hyok.kms.store_transitions import LifecycleTimes
from hyok.kms.turns import Turns
from hyok.storage.engine import open_storage
from hyok.storage.errors import StorageError
from hyok.storage.schema import Side
from hyok.transport.tls import client_context
from tests.storages import storage_url
from tests.unit.kms.running import ROOT, a_call
from tests.unit.kms.test_custom_key_stores import OTHER, STORE, VPC_STORE

T = TypeVar("T")

CALL = a_call("ConnectCustomKeyStore", account=STORE.account, region=STORE.region)


class HealthyConnections(ProxyConnections):
    """Connections whose proxies are always well; nothing is sent."""

    async def check(self, store_id: str, question: HealthQuestion) -> HealthCheck:
        await asyncio.sleep(0)
        return HealthCheck(1.0, None, None)


class FailingRepository(CustomKeyStoreRepository):
    """A repository whose storage fails when a store is to be written in some state."""

    refuses: Callable[[CustomKeyStore], bool] = staticmethod(lambda store: False)

    async def replace(self, store: CustomKeyStore) -> None:
        if self.refuses(store):
            raise StorageError("the disk is full")
        await super().replace(store)


class Stage:
    """A lifecycle over a real storage, with keys in the stores that `with_keys` names."""

    def __init__(self, directory: Path, runner: asyncio.Runner) -> None:
        self._runner = runner
        self.storage = open_storage(storage_url(directory / "kms.db", Side.KMS), Side.KMS)
        self.turns = Turns(self.storage, position=0)
        self.repository = FailingRepository(self.storage, open_safe(self.storage, ROOT), SystemClock(), self.turns)
        self.with_keys: set[str] = set()
        self.restart()

    def restart(self) -> None:
        self.directory = CustomKeyStoreDirectory()
        self.connections = HealthyConnections(ProxyEndpoints(client_context(), endpoint_map={}), SystemClock())
        self.lifecycle = StoreLifecycle(
            directory=self.directory,
            repository=self.repository,
            connections=self.connections,
            has_keys=self.with_keys.__contains__,
            times=LifecycleTimes(settle_seconds=0.001, health_check_seconds=3600.0),
            turns=self.turns,
        )

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def state(self, store_id: str = STORE.id) -> ConnectionState:
        return self.directory.get(store_id).state

    def stored_state(self) -> ConnectionState:
        return self.run(self.repository.load())[0].state

    def wait(self) -> None:
        self.run(asyncio.sleep(0.05))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with asyncio.Runner() as runner:
        stage = Stage(tmp_path, runner)
        yield stage
        runner.run(stage.lifecycle.aclose())
        stage.storage.close()


@pytest.fixture
def started(stage: Stage) -> Stage:
    """A lifecycle that runs and has one store, disconnected."""
    stage.run(stage.lifecycle.start())
    stage.run(stage.lifecycle.add(STORE))
    return stage


def test_a_connection_is_admitted_when_its_store_is_connected_and_barred_when_it_disconnects(started: Stage) -> None:
    assert started.connections.client(STORE.id) is None
    started.run(started.lifecycle.connect(CALL, STORE.id))
    assert started.connections.client(STORE.id) is None
    started.wait()
    assert started.connections.client(STORE.id) is not None
    started.run(started.lifecycle.disconnect(CALL, STORE.id))
    assert started.connections.client(STORE.id) is None


def test_a_change_is_used_from_the_next_request_on(started: Stage) -> None:
    started.run(started.lifecycle.connect(CALL, STORE.id))
    started.wait()
    before = started.connections.client(STORE.id)
    change = StoreChange(StoreOperation.UPDATE_ACCESS, lambda store: replace(store, uri_path="/new/kms/xks/v1"))
    started.run(started.lifecycle.change(CALL, STORE.id, change))
    after = started.connections.client(STORE.id)
    assert after is not None
    assert after is not before


def test_what_the_storage_refuses_does_not_happen(started: Stage) -> None:
    started.repository.refuses = lambda store: True
    with pytest.raises(StorageError):
        started.run(started.lifecycle.connect(CALL, STORE.id))
    change = StoreChange(StoreOperation.UPDATE_ACCESS, lambda store: replace(store, name="renamed"))
    with pytest.raises(StorageError):
        started.run(started.lifecycle.change(CALL, STORE.id, change))
    started.wait()
    assert started.directory.get(STORE.id) == STORE


def test_a_connection_that_cannot_be_stored_is_used_until_the_next_start_makes_it_anew(started: Stage) -> None:
    started.repository.refuses = lambda store: store.state is ConnectionState.CONNECTED
    started.run(started.lifecycle.connect(CALL, STORE.id))
    started.wait()
    assert started.state() is ConnectionState.CONNECTED
    assert started.stored_state() is ConnectionState.CONNECTING


def test_a_store_cannot_be_disconnected_only_for_this_run(started: Stage) -> None:
    started.run(started.lifecycle.connect(CALL, STORE.id))
    started.wait()
    started.repository.refuses = lambda store: True
    with pytest.raises(StorageError):
        started.run(started.lifecycle.disconnect(CALL, STORE.id))
    assert started.state() is started.stored_state() is ConnectionState.CONNECTED
    assert started.connections.client(STORE.id) is not None


def test_a_caller_who_goes_away_does_not_stop_what_began(started: Stage) -> None:
    async def go_away() -> None:
        task = asyncio.get_running_loop().create_task(started.lifecycle.connect(CALL, STORE.id))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await asyncio.sleep(0.05)

    started.run(go_away())
    assert started.state() is started.stored_state() is ConnectionState.CONNECTED


def test_a_store_that_is_there_is_not_added_again(started: Stage) -> None:
    with pytest.raises(Exception, match="CustomKeyStoreNameInUseException"):
        started.run(started.lifecycle.add(replace(OTHER, name=STORE.name)))
    assert started.run(started.repository.load()) == (STORE,)


def test_a_store_with_keys_is_not_deleted(started: Stage) -> None:
    started.with_keys.add(STORE.id)
    with pytest.raises(Exception, match="CustomKeyStoreHasCMKsException"):
        started.run(started.lifecycle.delete(CALL, STORE.id))
    started.with_keys.clear()
    started.run(started.lifecycle.delete(CALL, STORE.id))
    assert started.run(started.repository.load()) == ()


def test_a_connected_store_whose_vpc_endpoint_service_is_gone_fails_at_the_start(stage: Stage) -> None:
    stage.run(stage.repository.add(replace(VPC_STORE, state=ConnectionState.CONNECTED)))
    stage.run(stage.lifecycle.start())
    found = stage.directory.get(VPC_STORE.id)
    assert found.state is stage.stored_state() is ConnectionState.FAILED
    assert found.connection_error is ConnectionErrorCode.XKS_VPC_ENDPOINT_SERVICE_NOT_FOUND
    assert stage.connections.client(VPC_STORE.id) is None


def test_closing_leaves_a_connected_store_connected_for_the_next_start(started: Stage) -> None:
    started.run(started.lifecycle.connect(CALL, STORE.id))
    started.wait()
    started.run(started.lifecycle.aclose())
    assert started.connections.client(STORE.id) is None
    started.restart()
    started.run(started.lifecycle.start())
    assert started.connections.client(STORE.id) is not None
