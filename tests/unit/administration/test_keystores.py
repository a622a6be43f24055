from __future__ import annotations

from dataclasses import replace

import pytest

from hyok.administration.credentials import create_credential, list_credentials
from hyok.administration.external_keys import add_external_key, list_external_keys
from hyok.administration.keystores import (
    KeyStore,
    create_key_store,
    delete_key_store,
    list_key_stores,
    show_key_store,
    update_key_store,
)
from hyok.custody.safe import Safe
from hyok.errors import NotDoneError
from hyok.storage.changes import ChangeKind, changes_since
from hyok.storage.engine import Storage
from tests.unit.storage.fixtures import SetClock


def changes_in(storage: Storage) -> list[tuple[ChangeKind, str]]:
    with storage.reading() as connection:
        return [(change.kind, change.subject) for change in changes_since(connection, 0)]


def test_a_new_key_store_is_under_its_own_name(holder_storage: Storage, clock: SetClock) -> None:
    created = create_key_store(holder_storage, clock, name="dev", regions=("eu-central-1", "eu-west-1"))
    assert created == KeyStore(
        name="dev",
        path_prefix="/dev",
        regions=("eu-central-1", "eu-west-1"),
        created_at=clock.time,
        quota=None,
    )
    assert created.uri_path == "/dev/kms/xks/v1"
    assert show_key_store(holder_storage, "dev") == created
    assert changes_in(holder_storage) == [(ChangeKind.KEY_STORE, "dev")]


def test_a_path_prefix_may_be_given_and_may_be_nothing(holder_storage: Storage, clock: SetClock) -> None:
    assert create_key_store(holder_storage, clock, name="a", path_prefix="/example/uri-path").path_prefix != "/a"
    assert create_key_store(holder_storage, clock, name="b", path_prefix="").uri_path == "/kms/xks/v1"


def test_key_stores_are_listed_by_name(holder_storage: Storage, clock: SetClock) -> None:
    for name in ("c", "a", "b"):
        create_key_store(holder_storage, clock, name=name)
    assert [key_store.name for key_store in list_key_stores(holder_storage)] == ["a", "b", "c"]


@pytest.mark.parametrize("name", ["", "a/b", "a b", "ä", "x" * 65])
def test_a_name_that_no_path_can_hold_is_refused(holder_storage: Storage, clock: SetClock, name: str) -> None:
    with pytest.raises(NotDoneError, match="cannot name a key store; use 1 to 64"):
        create_key_store(holder_storage, clock, name=name)


@pytest.mark.parametrize("prefix", ["dev", "/", "/de v", "/x?y", "/" + "x" * 128])
def test_a_path_prefix_that_aws_would_refuse_is_refused(holder_storage: Storage, clock: SetClock, prefix: str) -> None:
    with pytest.raises(NotDoneError, match=r"the path prefix .* cannot be used: the URI path"):
        create_key_store(holder_storage, clock, name="dev", path_prefix=prefix)
    assert list_key_stores(holder_storage) == ()


@pytest.mark.parametrize("region", ["", "eu central", "eu/1"])
def test_a_word_that_is_no_region_is_refused(holder_storage: Storage, clock: SetClock, region: str) -> None:
    with pytest.raises(NotDoneError, match="is no AWS Region"):
        create_key_store(holder_storage, clock, name="dev", regions=(region,))


def test_a_quota_that_no_bucket_counts_is_refused(holder_storage: Storage, clock: SetClock) -> None:
    with pytest.raises(NotDoneError, match="at most 1000000 requests per second"):
        create_key_store(holder_storage, clock, name="dev", quota=10**10)


def test_a_region_that_is_named_twice_counts_once(holder_storage: Storage, clock: SetClock) -> None:
    made = create_key_store(holder_storage, clock, name="dev", regions=("us-east-1", "eu-west-1", "us-east-1"))
    assert made.regions == ("us-east-1", "eu-west-1")


def test_a_quota_that_admits_nothing_is_refused(holder_storage: Storage, clock: SetClock) -> None:
    with pytest.raises(NotDoneError, match="admits none; freeze"):
        create_key_store(holder_storage, clock, name="dev", quota=0)


def test_a_name_and_a_path_prefix_are_used_once(holder_storage: Storage, clock: SetClock) -> None:
    create_key_store(holder_storage, clock, name="dev")
    with pytest.raises(NotDoneError, match="named dev exists already"):
        create_key_store(holder_storage, clock, name="dev", path_prefix="/other")
    with pytest.raises(NotDoneError, match="'/dev' belongs to key store dev"):
        create_key_store(holder_storage, clock, name="other", path_prefix="/dev")


def test_a_key_store_is_changed_from_what_it_is_at_present(holder_storage: Storage, clock: SetClock) -> None:
    created = create_key_store(holder_storage, clock, name="dev")
    changed = update_key_store(holder_storage, clock, "dev", lambda it: replace(it, quota=9))
    assert changed == replace(created, quota=9) == show_key_store(holder_storage, "dev")
    assert changes_in(holder_storage) == [(ChangeKind.KEY_STORE, "dev")] * 2


def test_a_change_of_nothing_leaves_no_trace(holder_storage: Storage, clock: SetClock) -> None:
    create_key_store(holder_storage, clock, name="dev")
    update_key_store(holder_storage, clock, "dev", lambda it: it)
    assert len(changes_in(holder_storage)) == 1


def test_name_and_creation_time_do_not_change(holder_storage: Storage, clock: SetClock) -> None:
    created = create_key_store(holder_storage, clock, name="dev")
    update_key_store(holder_storage, clock, "dev", lambda it: replace(it, name="prod", created_at=0.0))
    assert list_key_stores(holder_storage) == (created,)


def test_a_change_to_what_cannot_be_used_changes_nothing(holder_storage: Storage, clock: SetClock) -> None:
    created = create_key_store(holder_storage, clock, name="dev")
    create_key_store(holder_storage, clock, name="prod")
    with pytest.raises(NotDoneError, match="belongs to key store prod"):
        update_key_store(holder_storage, clock, "dev", lambda it: replace(it, path_prefix="/prod"))
    with pytest.raises(NotDoneError, match="cannot be used"):
        update_key_store(holder_storage, clock, "dev", lambda it: replace(it, path_prefix="prod"))
    assert show_key_store(holder_storage, "dev") == created


def test_a_key_store_with_keys_is_only_deleted_when_told(holder_storage: Storage, safe: Safe, clock: SetClock) -> None:
    create_key_store(holder_storage, clock, name="dev")
    create_credential(holder_storage, safe, clock, key_store="dev")
    add_external_key(
        holder_storage, clock, key_store="dev", external_key_id="a", key_manager="software", manager_key_id="a"
    )
    with pytest.raises(NotDoneError, match=r"still offers external keys \(1\)"):
        delete_key_store(holder_storage, clock, "dev")
    assert len(list_external_keys(holder_storage, key_store="dev")) == len(list_credentials(holder_storage, "dev")) == 1
    delete_key_store(holder_storage, clock, "dev", with_keys=True)
    assert list_key_stores(holder_storage) == ()
    assert list_external_keys(holder_storage) == ()
    assert changes_in(holder_storage)[-1] == (ChangeKind.KEY_STORE, "dev")


def test_a_key_store_made_anew_inherits_nothing(holder_storage: Storage, safe: Safe, clock: SetClock) -> None:
    create_key_store(holder_storage, clock, name="dev")
    create_credential(holder_storage, safe, clock, key_store="dev")
    delete_key_store(holder_storage, clock, "dev")
    create_key_store(holder_storage, clock, name="dev")
    assert list_credentials(holder_storage, "dev") == ()


def test_a_key_store_that_is_not_there_is_named(holder_storage: Storage, clock: SetClock) -> None:
    with pytest.raises(NotDoneError, match="no key store named 'none'"):
        show_key_store(holder_storage, "none")
    with pytest.raises(NotDoneError, match="no key store named 'none'"):
        update_key_store(holder_storage, clock, "none", lambda it: it)
    with pytest.raises(NotDoneError, match="no key store named 'none'"):
        delete_key_store(holder_storage, clock, "none")
