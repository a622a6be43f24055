from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from hyok.custody.safe import Safe
from hyok.kms.backing_keys import SealedBackingKey
from hyok.kms.key_names import alias_arn
from hyok.kms.repository import (
    StaleMemoryError,
    StoredKeys,
    delete_alias,
    delete_key,
    insert_alias,
    insert_key,
    load_keys,
    rotate_key,
    update_alias,
    update_key,
)
from hyok.kms.row_seals import RowSeals, seal_rows_of_older_storage
from hyok.kms.values import Alias, AutomaticRotation, KeyState, KmsKey, RotationType, Tag
from hyok.secret import Secret
from hyok.storage.changes import ChangeKind, changes_since
from hyok.storage.engine import Storage, open_storage
from hyok.storage.errors import StorageError
from hyok.storage.schema import Side, backing_keys
from tests.storages import storage_url
from tests.unit.kms.examples import EXTERNAL_KEY, ORDINARY_KEY
from tests.unit.kms.running import ACCOUNT, REGION

SEALS = RowSeals(Safe("2-test", [Secret(bytes(32))]))
KEY = replace(ORDINARY_KEY, tags=(Tag("a", "1"), Tag("b", "")), description="ü")
BACKING_KEY = SealedBackingKey(KEY.key_id, 1, b"sealed" * 10 + b"!", created_at=5.0, rotation_type=None)
ALIAS = Alias(ACCOUNT, REGION, "alias/a", alias_arn(ACCOUNT, REGION, "alias/a"), KEY.key_id, 1.0, 1.0)


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    opened = open_storage(storage_url(tmp_path / "kms.db", Side.KMS), Side.KMS)
    with opened.transaction() as connection:
        insert_key(connection, SEALS, KEY, BACKING_KEY)
        insert_alias(connection, SEALS, ALIAS)
    yield opened
    opened.close()


def loaded(storage: Storage) -> StoredKeys:
    with storage.reading() as connection:
        return load_keys(connection, SEALS)


def test_what_was_written_is_read_back(storage: Storage) -> None:
    assert loaded(storage) == StoredKeys((KEY,), (BACKING_KEY,), (ALIAS,), frozenset())


def test_a_key_is_updated_from_the_state_it_is_known_in(storage: Storage) -> None:
    pending = replace(KEY, state=KeyState.PENDING_DELETION, deletion_date=9.5)
    with storage.transaction() as connection:
        update_key(connection, SEALS, pending, was=KEY, at=6.0)
    assert loaded(storage).keys == (pending,)


@pytest.mark.parametrize(
    "now",
    [
        replace(KEY, state=KeyState.DISABLED),
        replace(KEY, state=KeyState.PENDING_DELETION, deletion_date=9.5),
    ],
    ids=["another state", "another date"],
)
def test_a_key_that_is_not_as_it_is_known_is_not_overwritten(storage: Storage, now: KmsKey) -> None:
    with storage.transaction() as connection:
        update_key(connection, SEALS, now, was=KEY, at=6.0)
    believed = replace(KEY, state=now.state, deletion_date=1.5) if now.deletion_date else KEY
    with pytest.raises(StaleMemoryError), storage.transaction() as connection:
        update_key(connection, SEALS, replace(KEY, description="new"), was=believed, at=7.0)
    assert loaded(storage).keys == (now,)


def test_a_deleted_key_takes_aliases_and_material_with_it(storage: Storage) -> None:
    with storage.transaction() as connection:
        delete_key(connection, KEY, at=6.0)
    assert loaded(storage) == StoredKeys((), (), (), frozenset())


def test_a_key_whose_deletion_was_cancelled_meanwhile_keeps_its_material(storage: Storage) -> None:
    pending = replace(KEY, state=KeyState.PENDING_DELETION, deletion_date=9.5)
    with pytest.raises(StaleMemoryError), storage.transaction() as connection:
        delete_key(connection, pending, at=6.0)
    assert loaded(storage) == StoredKeys((KEY,), (BACKING_KEY,), (ALIAS,), frozenset())


@pytest.mark.sqlite_files
def test_deleted_material_is_nowhere_in_the_database_file(storage: Storage, tmp_path: Path) -> None:
    def checkpointed() -> bytes:
        with storage.transaction() as connection:
            connection.exec_driver_sql("SELECT 1")
        raw = storage._reader.raw_connection()
        raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        raw.close()
        return (tmp_path / "kms.db").read_bytes()

    assert BACKING_KEY.sealed_material in checkpointed()
    with storage.transaction() as connection:
        delete_key(connection, KEY, at=6.0)
    assert BACKING_KEY.sealed_material not in checkpointed()


def test_one_external_key_is_tied_once_whatever_the_memory_believes(storage: Storage) -> None:
    with pytest.raises(StorageError), storage.transaction() as connection:
        insert_key(connection, SEALS, EXTERNAL_KEY, BACKING_KEY)  # there is no such store
    assert len(loaded(storage).keys) == 1


def test_an_alias_moves_from_the_key_it_is_known_to_point_at(storage: Storage) -> None:
    other = replace(KEY, key_id=EXTERNAL_KEY.key_id, arn=EXTERNAL_KEY.arn)
    moved = ALIAS._replace(key_id=other.key_id, updated_at=6.0)
    with storage.transaction() as connection:
        insert_key(connection, SEALS, other, BACKING_KEY._replace(key_id=other.key_id))
        update_alias(connection, SEALS, moved, was=ALIAS)
    assert loaded(storage).aliases == (moved,)
    with pytest.raises(StaleMemoryError), storage.transaction() as connection:
        delete_alias(connection, ALIAS, at=7.0)
    with storage.transaction() as connection:
        delete_alias(connection, moved, at=7.0)
    assert loaded(storage).aliases == ()


def test_every_write_leaves_its_change(storage: Storage) -> None:
    with storage.transaction() as connection:
        update_key(connection, SEALS, replace(KEY, state=KeyState.DISABLED), was=KEY, at=6.0)
        delete_alias(connection, ALIAS, at=7.0)
        changes = changes_since(connection, 0)
    assert [(change.kind, change.subject, change.at) for change in changes] == [
        (ChangeKind.KEY, KEY.key_id, 5.0),
        (ChangeKind.ALIAS, f"{ACCOUNT}/{REGION}/alias/a", 1.0),
        (ChangeKind.KEY, KEY.key_id, 6.0),
        (ChangeKind.ALIAS, f"{ACCOUNT}/{REGION}/alias/a", 7.0),
    ]


def test_a_write_that_fails_leaves_nothing(storage: Storage) -> None:
    with pytest.raises(StorageError), storage.transaction() as connection:
        insert_key(connection, SEALS, replace(KEY, key_id="another", arn="another"), BACKING_KEY)
    with storage.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(backing_keys)) == 1
    assert len(loaded(storage).keys) == 1


def test_a_rotated_key_has_its_new_material_and_its_old(storage: Storage) -> None:
    rotated = replace(KEY, backing_key=2, rotation=AutomaticRotation(90, 12.5))
    second = BACKING_KEY._replace(number=2, created_at=6.0, rotation_type=RotationType.AUTOMATIC)
    with storage.transaction() as connection:
        rotate_key(connection, SEALS, rotated, second, was=KEY, at=6.0)
    assert loaded(storage) == StoredKeys((rotated,), (BACKING_KEY, second), (ALIAS,), frozenset())


def test_a_key_that_another_process_rotated_is_not_rotated_to_the_same_number(storage: Storage) -> None:
    rotated = replace(KEY, backing_key=2)
    with storage.transaction() as connection:
        rotate_key(connection, SEALS, rotated, BACKING_KEY._replace(number=2), was=KEY, at=6.0)
    with pytest.raises(StorageError), storage.transaction() as connection:
        rotate_key(connection, SEALS, rotated, BACKING_KEY._replace(number=2), was=KEY, at=7.0)
    with pytest.raises(StaleMemoryError), storage.transaction() as connection:
        update_key(connection, SEALS, replace(KEY, description="new"), was=KEY, at=7.0)


@pytest.mark.sqlite_files
def test_keys_of_a_storage_from_before_rotation_are_read(tmp_path: Path) -> None:
    file = tmp_path / "old.db"
    opened = open_storage(f"sqlite:///{file}", Side.KMS)
    with opened.transaction() as connection:
        insert_key(connection, SEALS, KEY, BACKING_KEY)
    opened.close()
    with closing(sqlite3.connect(file)) as raw, raw:
        for statement in (
            "DROP TABLE grants",
            "DROP TABLE principals",
            "DROP TABLE storage_succession",
            "ALTER TABLE keys DROP COLUMN rotation_period_days",
            "ALTER TABLE keys DROP COLUMN next_rotation_at",
            "ALTER TABLE backing_keys DROP COLUMN rotation_type",
            "ALTER TABLE keys DROP COLUMN sealed_row",
            "ALTER TABLE backing_keys DROP COLUMN sealed_row",
            "ALTER TABLE aliases DROP COLUMN sealed_row",
            "ALTER TABLE custom_key_stores DROP COLUMN sealed_row",
            "UPDATE alembic_version SET version_num = 'kms_0001'",
        ):
            raw.execute(statement)
    opened = open_storage(f"sqlite:///{file}", Side.KMS)
    assert loaded(opened).altered == {KEY.key_id, KEY.arn}  # for a storage of today, which never lacked a seal
    older = Safe("test", [Secret(bytes(32))])
    seal_rows_of_older_storage(opened, older)
    with opened.reading() as connection:
        assert load_keys(connection, RowSeals(older)) == StoredKeys((KEY,), (BACKING_KEY,), (), frozenset())
    opened.close()
