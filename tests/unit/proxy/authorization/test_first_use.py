"""External keys that serve the KMS key that used them first, and no other."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from hyok.administration.external_keys import add_external_key, show_external_key
from hyok.administration.first_use import bind_at_next_use, unbind
from hyok.administration.keystores import create_key_store
from hyok.custody.safe import Safe
from hyok.errors import NotDoneError
from hyok.proxy.authorization.authorizing import Authorization
from hyok.proxy.authorization.first_use import Binding, FirstUseBindings
from hyok.proxy.keystores import ExternalKey
from hyok.proxy.stored_keystores import StoredKeyStores
from hyok.storage.changes import changes_since, current_position
from hyok.storage.engine import Storage, open_storage
from hyok.storage.schema import Side
from tests.sizes import size
from tests.unit.proxy.authorization.written import policies
from tests.unit.proxy.stage import (
    KEY,
    MANAGER,
    FixedClock,
    Stage,
    encrypt_request,
    error_of,
    metadata,
    metadata_request,
)
from tests.unit.storage.fixtures import clock, holder_storage, holder_url, safe

__all__ = ["clock", "holder_storage", "holder_url", "safe"]

FIRST, SECOND = (f"arn:aws:kms:eu-central-1:123456789012:key/{number}" for number in (1, 2))
DENIED = (403, "AccessDeniedException")
WORKERS = 4


def asked(arn: str) -> Any:
    return encrypt_request(requestMetadata=metadata(kmsKeyArn=arn))


@pytest.fixture
def bindings(holder_storage: Storage) -> FirstUseBindings:
    """A key store alpha whose key KEY is to be bound."""
    create_key_store(holder_storage, FixedClock(), name="alpha")
    add_external_key(
        holder_storage,
        FixedClock(),
        key_store="alpha",
        external_key_id=KEY,
        key_manager=MANAGER,
        manager_key_id=KEY,
        bind_first_use=True,
    )
    return FirstUseBindings(holder_storage, FixedClock())


@pytest.fixture
def bound(stage: Stage, bindings: FirstUseBindings) -> Stage:
    """The proxy, with that key to be bound."""
    offer(stage)
    stage.service._authorization = Authorization(bindings=bindings)
    return stage


def offer(stage: Stage, binding: Binding | None = None) -> None:
    key_store = stage.key_stores.named("alpha")
    assert key_store is not None
    key_store.external_keys.put(ExternalKey(KEY, MANAGER, KEY, binding=binding or Binding()))


def test_the_first_kms_key_has_the_external_key_for_itself(bound: Stage, holder_storage: Storage) -> None:
    assert bound.ask_on_loop(asked(FIRST)).status == 200
    assert bound.ask(asked(FIRST)).status == 200, "from memory: it does not wait"
    assert error_of(bound.ask(asked(SECOND))) == DENIED
    first, _, refused = bound.records()
    assert first["flags"] == ["first-use"]
    assert (refused["decision"], refused["policy"], refused["statement"]) == ("denied", "first-use", FIRST)
    shown = show_external_key(holder_storage, key_store="alpha", external_key_id=KEY).first_use
    assert shown is not None
    assert shown.kms_key_arn == FIRST


def test_metadata_at_a_kms_keys_creation_binds_nothing(bound: Stage) -> None:
    asked_first = metadata_request(requestMetadata=metadata(kmsOperation="CreateKey", kmsKeyArn=None))
    assert bound.ask(asked_first).status == 200
    assert bound.ask_on_loop(asked(SECOND)).status == 200


def test_a_use_that_policies_refuse_binds_nothing(bound: Stage) -> None:
    bound.change_key_store("alpha", policies=policies({}, {"Effect": "Deny", "Resource": FIRST}))
    offer(bound)
    assert error_of(bound.ask(asked(FIRST))) == DENIED
    assert bound.ask_on_loop(asked(SECOND)).status == 200


def test_another_server_that_was_first_decides(bound: Stage, bindings: FirstUseBindings) -> None:
    assert asyncio.run(bindings.bind("alpha", KEY, FIRST)) == FIRST
    assert error_of(bound.ask_on_loop(asked(SECOND))) == DENIED
    assert bound.ask(asked(FIRST)).status == 200


def test_workers_that_race_agree_on_one(bindings: FirstUseBindings, holder_url: str, holder_storage: Storage) -> None:
    for _ in range(size(usual=8, nightly=100)):
        bind_at_next_use(holder_storage, FixedClock(), key_store="alpha", external_key_id=KEY)
        start = threading.Barrier(WORKERS)
        found: list[str] = []

        def race(number: int, start: threading.Barrier = start, found: list[str] = found) -> None:
            storage = open_storage(holder_url, Side.HOLDER)
            start.wait(10)
            found.append(asyncio.run(FirstUseBindings(storage, FixedClock()).bind("alpha", KEY, f"arn:{number}")))
            storage.close()

        threads = [threading.Thread(target=race, args=(number,)) for number in range(WORKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert len(found) == WORKERS
        assert len(set(found)) == 1
        shown = show_external_key(holder_storage, key_store="alpha", external_key_id=KEY).first_use
        assert shown is not None
        assert shown.kms_key_arn == found[0]


def test_a_storage_that_fails_refuses_and_binds_nothing(bound: Stage, holder_storage: Storage) -> None:
    with holder_storage.transaction() as connection:
        connection.exec_driver_sql("ALTER TABLE first_use_bindings RENAME TO gone")
    assert error_of(bound.ask_on_loop(asked(FIRST))) == (500, "InternalException")
    key_store = bound.key_stores.named("alpha")
    assert key_store is not None
    key = key_store.external_keys.find(KEY)
    assert key is not None
    assert key.binding is not None
    assert key.binding.kms_key_arn == ""


def test_a_storage_that_does_not_answer_by_the_deadline_refuses(bound: Stage, holder_url: str) -> None:
    path = holder_url.removeprefix("sqlite:///")
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        response = asyncio.run(ask_and_leave(bound))
        other.execute("ROLLBACK")
    assert error_of(response) == (503, "DependencyTimeoutException")
    assert time.monotonic() - began < 5


async def ask_and_leave(stage: Stage) -> Any:
    return await stage.service.answer(asked(FIRST))


def test_a_binding_in_a_row_that_is_gone_binds_no_more(bound: Stage, holder_storage: Storage) -> None:
    unbind(holder_storage, FixedClock(), key_store="alpha", external_key_id=KEY)
    assert bound.ask_on_loop(asked(FIRST)).status == 200
    assert bound.ask_on_loop(asked(SECOND)).status == 200
    with pytest.raises(NotDoneError, match="is not bound"):
        unbind(holder_storage, FixedClock(), key_store="alpha", external_key_id=KEY)
    with pytest.raises(NotDoneError, match="has no external key 'b'"):
        bind_at_next_use(holder_storage, FixedClock(), key_store="alpha", external_key_id="b")


def test_servers_learn_of_a_binding_from_the_change_log(
    bindings: FirstUseBindings, holder_storage: Storage, safe: Safe
) -> None:
    other = StoredKeyStores(holder_storage, safe)
    assert arn_of(other) == ""
    with holder_storage.reading() as connection:
        position = current_position(connection)
    asyncio.run(bindings.bind("alpha", KEY, FIRST))
    with holder_storage.reading() as connection:
        changes = changes_since(connection, position)
    asyncio.run(other.apply(changes))
    assert arn_of(other) == FIRST


def arn_of(stored: StoredKeyStores) -> str:
    key_store = stored.directory.named("alpha")
    assert key_store is not None
    key = key_store.external_keys.find(KEY)
    assert key is not None
    assert key.binding is not None
    return key.binding.kms_key_arn


def test_without_a_storage_to_bind_in_the_key_is_refused(stage: Stage, tmp_path: Path) -> None:
    offer(stage)
    assert error_of(stage.ask(asked(FIRST))) == (500, "InternalException")
