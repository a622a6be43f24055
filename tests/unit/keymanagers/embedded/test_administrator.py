from __future__ import annotations

import pytest
from sqlalchemy import text

from hyok.custody.errors import IntegrityError
from hyok.custody.safe import Safe
from hyok.errors import NotDoneError
from hyok.keymanagers.embedded.administrator import EmbeddedKeyAdministrator
from hyok.keymanagers.interface import KeyUsage, ManagedKey
from hyok.storage.changes import ChangeKind, changes_since
from hyok.storage.engine import Storage
from tests.unit.storage.fixtures import SetClock

BOTH = frozenset(KeyUsage)


@pytest.fixture
def administrator(holder_storage: Storage, safe: Safe, clock: SetClock) -> EmbeddedKeyAdministrator:
    return EmbeddedKeyAdministrator(holder_storage, safe, clock)


def change_count(storage: Storage) -> int:
    with storage.reading() as connection:
        changes = changes_since(connection, 0)
    assert all(change.kind is ChangeKind.EMBEDDED_KEY and change.subject == "a" for change in changes)
    return len(changes)


def test_a_new_key_is_enabled_with_one_version(administrator: EmbeddedKeyAdministrator, clock: SetClock) -> None:
    key = ManagedKey("a", BOTH, is_enabled=True, active_version=1, version_count=1, created_at=clock.time)
    assert administrator.create_key("a", BOTH) == key
    assert administrator.show_key("a") == key
    assert administrator.list_keys() == (key,)


def test_keys_are_listed_by_id_with_their_versions(administrator: EmbeddedKeyAdministrator) -> None:
    for key_id in ("c", "a", "b"):
        administrator.create_key(key_id, BOTH)
    administrator.rotate_key("b")
    assert [(key.key_id, key.version_count) for key in administrator.list_keys()] == [("a", 1), ("b", 2), ("c", 1)]


def test_rotation_numbers_versions_one_by_one(administrator: EmbeddedKeyAdministrator, clock: SetClock) -> None:
    created = administrator.create_key("a", BOTH)
    clock.time += 60
    administrator.rotate_key("a")
    key = administrator.rotate_key("a")
    assert (key.active_version, key.version_count, key.created_at) == (3, 3, created.created_at)
    assert administrator.show_key("a") == key


def test_a_disabled_key_can_be_rotated_and_enabled(administrator: EmbeddedKeyAdministrator) -> None:
    administrator.create_key("a", BOTH)
    assert not administrator.disable_key("a").is_enabled
    rotated = administrator.rotate_key("a")
    assert not rotated.is_enabled
    assert administrator.enable_key("a") == rotated._replace(is_enabled=True) == administrator.show_key("a")


def test_each_change_is_in_the_log_and_a_change_of_nothing_is_not(
    administrator: EmbeddedKeyAdministrator, holder_storage: Storage
) -> None:
    administrator.create_key("a", BOTH)
    administrator.rotate_key("a")
    administrator.disable_key("a")
    administrator.enable_key("a")
    assert change_count(holder_storage) == 4
    assert administrator.enable_key("a").is_enabled
    assert change_count(holder_storage) == 4


def test_an_id_is_used_once(administrator: EmbeddedKeyAdministrator) -> None:
    key = administrator.create_key("a", BOTH)
    with pytest.raises(NotDoneError, match="key a exists already"):
        administrator.create_key("a", frozenset({KeyUsage.ENCRYPT}))
    assert administrator.show_key("a") == key


@pytest.mark.parametrize("key_id", ["", "a/b", "a b", "x" * 129, "é"])
def test_a_name_that_no_uri_can_hold_is_no_key_id(administrator: EmbeddedKeyAdministrator, key_id: str) -> None:
    with pytest.raises(NotDoneError, match="is no key id; use 1 to 128"):
        administrator.create_key(key_id, BOTH)
    assert administrator.list_keys() == ()


def test_a_key_of_no_use_is_refused(administrator: EmbeddedKeyAdministrator) -> None:
    with pytest.raises(NotDoneError, match="at least one of ENCRYPT and DECRYPT"):
        administrator.create_key("a", frozenset())


@pytest.mark.parametrize("change", ["show_key", "rotate_key", "enable_key", "disable_key"])
def test_a_key_that_is_not_there_cannot_be_changed(administrator: EmbeddedKeyAdministrator, change: str) -> None:
    with pytest.raises(NotDoneError, match="has no key 'none'"):
        getattr(administrator, change)("none")


def test_altered_material_keeps_a_key_from_being_rotated_but_not_from_being_disabled(
    administrator: EmbeddedKeyAdministrator, holder_storage: Storage
) -> None:
    administrator.create_key("a", BOTH)
    with holder_storage.transaction() as connection:
        connection.execute(text("UPDATE embedded_key_versions SET sealed_material = zeroblob(61)"))
    with pytest.raises(IntegrityError, match="table embedded_key_versions"):
        administrator.rotate_key("a")
    assert administrator.show_key("a").active_version == 1
    assert not administrator.disable_key("a").is_enabled
    with pytest.raises(IntegrityError, match="table embedded_key_versions"):
        administrator.enable_key("a")
    assert not administrator.show_key("a").is_enabled
    assert change_count(holder_storage) == 2
