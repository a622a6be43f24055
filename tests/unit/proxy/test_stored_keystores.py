"""Key stores as the storage has them, read at the start and kept up by the change log."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import text, update

from hyok.administration.credentials import create_credential, retire_credential
from hyok.administration.external_keys import add_external_key, remove_external_key
from hyok.administration.keystores import create_key_store, delete_key_store, update_key_store
from hyok.custody.safe import Safe
from hyok.proxy.keystores import ExternalKey, KeyStoreDirectory
from hyok.proxy.stored_keystores import StoredKeyStores
from hyok.quota_table import QuotaTable
from hyok.storage.changes import changes_since, current_position
from hyok.storage.engine import Storage
from hyok.storage.schema import credentials
from tests.unit.storage.fixtures import SetClock, clock, holder_storage, holder_url, safe

__all__ = ["clock", "holder_storage", "holder_url", "safe"]


class Server:
    """What a server has in memory, and the operator's commands beside it."""

    def __init__(self, storage: Storage, safe: Safe, clock: SetClock) -> None:
        self.storage, self.safe, self.clock = storage, safe, clock
        create_key_store(storage, clock, name="alpha", regions=("eu-central-1",))
        self.access_key_id = create_credential(storage, safe, clock, key_store="alpha").access_key_id
        self.add_key("alpha", "key-1")
        with storage.reading() as connection:
            self.position = current_position(connection)
        self.stored = StoredKeyStores(storage, safe)

    def add_key(self, key_store: str, key_id: str, *, key_manager: str = "software") -> None:
        add_external_key(
            self.storage,
            self.clock,
            key_store=key_store,
            external_key_id=key_id,
            key_manager=key_manager,
            manager_key_id=f"{key_id}-inside",
        )

    def catch_up(self) -> KeyStoreDirectory:
        """Apply what the change log has that memory has not."""
        with self.storage.reading() as connection:
            changes = changes_since(connection, self.position)
        asyncio.run(self.stored.apply(changes))
        self.position = changes[-1].position if changes else self.position
        return self.stored.directory


@pytest.fixture
def server(holder_storage: Storage, safe: Safe, clock: SetClock) -> Server:
    return Server(holder_storage, safe, clock)


def key_of(directory: KeyStoreDirectory, name: str, key_id: str) -> ExternalKey | None:
    key_store = directory.named(name)
    assert key_store is not None
    return key_store.external_keys.find(key_id)


def test_everything_is_there_at_the_start(server: Server) -> None:
    alpha = server.stored.directory.by_prefix[b"/alpha"]

    assert (alpha.name, alpha.regions) == ("alpha", frozenset({b"eu-central-1"}))
    assert list(alpha.credentials) == [server.access_key_id.encode()]
    assert alpha.external_keys.find("key-1") == ExternalKey("key-1", "software", "key-1-inside")


def test_a_new_key_store_with_its_credential_and_keys_arrives(server: Server) -> None:
    create_key_store(server.storage, server.clock, name="beta", path_prefix="")
    pair = create_credential(server.storage, server.safe, server.clock, key_store="beta")
    server.add_key("beta", "key-2")

    beta = server.catch_up().by_prefix[b""]

    assert list(beta.credentials) == [pair.access_key_id.encode()]
    assert beta.external_keys.find("key-2") == ExternalKey("key-2", "software", "key-2-inside")


def test_a_change_arrives_and_the_keys_stay(server: Server) -> None:
    update_key_store(server.storage, server.clock, "alpha", partial(replace, regions=("eu-west-1",)))

    directory = server.catch_up()

    assert directory.by_prefix[b"/alpha"].regions == frozenset({b"eu-west-1"})
    assert key_of(directory, "alpha", "key-1") is not None


def test_a_retired_credential_leaves_and_a_new_one_arrives(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    pair = create_credential(server.storage, server.safe, server.clock, key_store="alpha")
    retire_credential(server.storage, server.safe, server.clock, server.access_key_id)

    assert list(server.catch_up().by_prefix[b"/alpha"].credentials) == [pair.access_key_id.encode()]
    assert caplog.text == ""  # a retired one is nothing to report


def test_keys_arrive_and_leave(server: Server) -> None:
    server.add_key("alpha", "key-2", key_manager="hsm")
    remove_external_key(server.storage, server.clock, key_store="alpha", external_key_id="key-1")

    directory = server.catch_up()

    assert key_of(directory, "alpha", "key-1") is None
    assert key_of(directory, "alpha", "key-2") == ExternalKey("key-2", "hsm", "key-2-inside")


def test_more_keys_than_fit_into_one_statement_arrive(server: Server) -> None:
    for number in range(2, 1000):
        server.add_key("alpha", f"key-{number}")

    directory = server.catch_up()

    assert all(key_of(directory, "alpha", f"key-{number}") for number in range(1, 1000))


def test_a_moved_key_store_leaves_its_old_prefix(server: Server) -> None:
    update_key_store(server.storage, server.clock, "alpha", lambda one: replace(one, path_prefix="/moved"))

    assert list(server.catch_up().by_prefix) == [b"/moved"]


def test_two_key_stores_may_swap_prefixes(server: Server) -> None:
    create_key_store(server.storage, server.clock, name="beta")
    for name, prefix in (("alpha", "/between"), ("beta", "/alpha"), ("alpha", "/beta")):
        update_key_store(server.storage, server.clock, name, partial(replace, path_prefix=prefix))

    by_prefix = server.catch_up().by_prefix

    assert {prefix: key_store.name for prefix, key_store in by_prefix.items()} == {b"/alpha": "beta", b"/beta": "alpha"}


def test_a_deleted_key_store_leaves(server: Server) -> None:
    delete_key_store(server.storage, server.clock, "alpha", with_keys=True)

    assert not server.catch_up().by_prefix


def test_a_key_store_made_anew_does_not_inherit_the_keys_of_the_deleted_one(server: Server) -> None:
    delete_key_store(server.storage, server.clock, "alpha", with_keys=True)
    server.clock.time += 1
    create_key_store(server.storage, server.clock, name="alpha")
    server.add_key("alpha", "key-new")

    directory = server.catch_up()

    assert key_of(directory, "alpha", "key-1") is None
    assert key_of(directory, "alpha", "key-new") is not None


def test_changes_may_be_applied_twice(server: Server) -> None:
    server.position = 0

    directory = server.catch_up()

    assert key_of(directory, "alpha", "key-1") is not None
    assert list(directory.by_prefix[b"/alpha"].credentials) == [server.access_key_id.encode()]


def test_changes_that_do_not_concern_the_proxy_are_not_looked_up(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Storage, "read", lambda *_: pytest.fail("nothing to read"))

    asyncio.run(server.stored.apply(()))


def test_an_altered_credential_is_left_out_and_reported(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    with server.storage.transaction() as connection:
        connection.execute(update(credentials).values(sealed_secret=b"\x01" + bytes(60)))

    with caplog.at_level(logging.ERROR):
        stored = StoredKeyStores(server.storage, server.safe)

    assert not stored.directory.by_prefix[b"/alpha"].credentials
    assert server.access_key_id in caplog.text


@pytest.mark.sqlite_files
@pytest.mark.parametrize("edit", ["quota = 0", "quota = 'x'", "predecessors = '5'", "regions = '[5]'"])
def test_a_key_store_with_a_row_that_hyok_never_wrote_is_left_out_and_reported(
    server: Server, caplog: pytest.LogCaptureFixture, edit: str
) -> None:
    with server.storage.transaction() as connection:
        connection.execute(text(f"UPDATE key_stores SET {edit}"))  # noqa: S608  # the test's own words

    assert StoredKeyStores(server.storage, server.safe).directory.by_prefix == {}
    assert "key store alpha is left out" in caplog.text


def test_a_retired_credential_made_active_by_hand_is_left_out(server: Server) -> None:
    retire_credential(server.storage, server.safe, server.clock, server.access_key_id)
    with server.storage.transaction() as connection:
        connection.execute(update(credentials).values(retired_at=None))

    assert not StoredKeyStores(server.storage, server.safe).directory.by_prefix[b"/alpha"].credentials


def test_a_quota_is_shared_by_the_workers_and_changes_online(server: Server) -> None:
    table = QuotaTable()
    server.stored = StoredKeyStores(server.storage, server.safe, quotas=table)
    for quota in (None, 3):
        update_key_store(server.storage, server.clock, "alpha", partial(replace, quota=quota))
        kept = server.catch_up().by_prefix[b"/alpha"].quota
        assert (kept.per_second if kept else None) == quota
    assert kept is not None
    assert [kept.admit() for _ in range(4)] == [True, True, True, False]
    other = StoredKeyStores(server.storage, server.safe, quotas=table)
    theirs = other.directory.by_prefix[b"/alpha"].quota
    assert theirs is not None
    assert not theirs.admit()


def test_a_change_does_not_fill_the_bucket_again(server: Server) -> None:
    update_key_store(server.storage, server.clock, "alpha", lambda one: replace(one, quota=2))
    bucket = server.catch_up().by_prefix[b"/alpha"].quota
    assert bucket is not None
    assert [bucket.admit() for _ in range(3)] == [True, True, False]

    create_credential(server.storage, server.safe, server.clock, key_store="alpha")

    again = server.catch_up().by_prefix[b"/alpha"].quota
    assert again is not None
    assert not again.admit()
