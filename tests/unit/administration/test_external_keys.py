from __future__ import annotations

import pytest

from hyok.administration.external_keys import (
    ExternalKey,
    Place,
    add_copy,
    add_external_key,
    list_external_keys,
    remove_external_key,
    show_external_key,
)
from hyok.administration.keystores import create_key_store, delete_key_store
from hyok.errors import NotDoneError
from hyok.storage.changes import ChangeKind
from hyok.storage.engine import Storage
from tests.unit.administration.test_keystores import changes_in
from tests.unit.storage.fixtures import SetClock


@pytest.fixture(autouse=True)
def key_stores(holder_storage: Storage, clock: SetClock) -> None:
    create_key_store(holder_storage, clock, name="dev")
    create_key_store(holder_storage, clock, name="prod")


def add(storage: Storage, clock: SetClock, external_key_id: str, *, key_store: str = "dev") -> ExternalKey:
    return add_external_key(
        storage,
        clock,
        key_store=key_store,
        external_key_id=external_key_id,
        key_manager="software",
        manager_key_id="payroll",
    )


def test_an_added_key_is_shown_and_listed(holder_storage: Storage, clock: SetClock) -> None:
    key = add(holder_storage, clock, "a")
    assert key == ExternalKey("dev", "a", "software", "payroll", clock.time)
    assert show_external_key(holder_storage, key_store="dev", external_key_id="a") == key
    assert list_external_keys(holder_storage, key_store="dev") == (key,)
    assert changes_in(holder_storage)[-1] == (ChangeKind.EXTERNAL_KEY, "dev/a")


def test_a_key_has_copies_in_the_order_in_which_they_were_named(holder_storage: Storage, clock: SetClock) -> None:
    bao, kmip = Place("bao", "payroll"), Place("kmip", "payroll")
    add_external_key(
        holder_storage,
        clock,
        key_store="dev",
        external_key_id="a",
        key_manager="hsm",
        manager_key_id="payroll",
        copies=(bao,),
    )
    add(holder_storage, clock, "a", key_store="prod")
    key = add_copy(holder_storage, clock, key_store="dev", external_key_id="a", place=kmip)
    assert key.places == (Place("hsm", "payroll"), bao, kmip)
    assert [copy.number for copy in key.copies] == [2, 3]
    assert list_external_keys(holder_storage, key_store="dev") == (key,)
    assert show_external_key(holder_storage, key_store="prod", external_key_id="a").copies == ()
    assert changes_in(holder_storage)[-1] == (ChangeKind.EXTERNAL_KEY, "dev/a")
    with pytest.raises(NotDoneError, match="has a copy at bao:payroll already"):
        add_copy(holder_storage, clock, key_store="dev", external_key_id="a", place=bao)
    assert remove_external_key(holder_storage, clock, key_store="dev", external_key_id="a") == key
    delete_key_store(holder_storage, clock, "dev")


def test_a_key_store_goes_with_the_copies_of_its_keys(holder_storage: Storage, clock: SetClock) -> None:
    add(holder_storage, clock, "a")
    add_copy(holder_storage, clock, key_store="dev", external_key_id="a", place=Place("bao", "payroll"))
    delete_key_store(holder_storage, clock, "dev", with_keys=True)
    create_key_store(holder_storage, clock, name="dev")
    assert add(holder_storage, clock, "a").copies == ()


def test_one_key_of_a_manager_may_be_in_several_key_stores(holder_storage: Storage, clock: SetClock) -> None:
    keys = (add(holder_storage, clock, "a"), add(holder_storage, clock, "b", key_store="prod"))
    assert list_external_keys(holder_storage) == keys
    assert list_external_keys(holder_storage, key_store="prod") == keys[1:]


def test_an_id_is_used_once_in_a_key_store(holder_storage: Storage, clock: SetClock) -> None:
    add(holder_storage, clock, "a")
    add(holder_storage, clock, "a", key_store="prod")
    with pytest.raises(NotDoneError, match="key store dev has an external key a already"):
        add(holder_storage, clock, "a")


@pytest.mark.parametrize("key_id", ["", "a/b", "x" * 129])
def test_an_id_that_no_uri_can_hold_is_refused(holder_storage: Storage, clock: SetClock, key_id: str) -> None:
    with pytest.raises(NotDoneError, match="is no external key id"):
        add(holder_storage, clock, key_id)


def test_a_removed_key_is_gone_from_its_key_store_only(holder_storage: Storage, clock: SetClock) -> None:
    add(holder_storage, clock, "a")
    kept = add(holder_storage, clock, "a", key_store="prod")
    remove_external_key(holder_storage, clock, key_store="dev", external_key_id="a")
    assert list_external_keys(holder_storage) == (kept,)
    assert changes_in(holder_storage)[-1] == (ChangeKind.EXTERNAL_KEY, "dev/a")
    with pytest.raises(NotDoneError, match="key store dev has no external key 'a'"):
        remove_external_key(holder_storage, clock, key_store="dev", external_key_id="a")
    with pytest.raises(NotDoneError, match="key store dev has no external key 'a'"):
        show_external_key(holder_storage, key_store="dev", external_key_id="a")


def test_a_key_store_that_is_not_there_has_no_keys(holder_storage: Storage, clock: SetClock) -> None:
    with pytest.raises(NotDoneError, match="no key store named 'none'"):
        add(holder_storage, clock, "a", key_store="none")
    with pytest.raises(NotDoneError, match="no key store named 'none'"):
        list_external_keys(holder_storage, key_store="none")
