"""Every column of a key's rows is bound to its material, but for those that only tell."""

from __future__ import annotations

import asyncio
import logging

import pytest
from sqlalchemy import BigInteger, Column, Double, Integer, LargeBinary, Table, Text, select, text, update

from hyok.clock import NO_DEADLINE
from hyok.custody.safe import Safe
from hyok.keymanagers.embedded.administrator import EmbeddedKeyAdministrator
from hyok.keymanagers.embedded.leasing import Leasing
from hyok.keymanagers.embedded.manager import EmbeddedKeyManager
from hyok.keymanagers.errors import KeyManagerError
from hyok.keymanagers.interface import KeyUsage, KeyVersion, Sealed
from hyok.storage.engine import Storage
from hyok.storage.schema import embedded_key_versions, embedded_keys
from tests.unit.storage.fixtures import SetClock

ONLY_TELLS = {"created_at"}
COLUMNS = [
    column
    for table in (embedded_keys, embedded_key_versions)
    for column in table.columns
    if column.name not in ONLY_TELLS
]


@pytest.fixture
def administrator(holder_storage: Storage, safe: Safe, clock: SetClock) -> EmbeddedKeyAdministrator:
    administrator = EmbeddedKeyAdministrator(holder_storage, safe, clock)
    administrator.create_key("a", frozenset(KeyUsage))
    administrator.rotate_key("a")
    return administrator


def another(value: object, column: Column[object]) -> object:
    """Return a value that hyok might have written there, but not this."""
    match column.type:
        case Text():
            known = {"usages": "DECRYPT", "state": "disabled", "key_id": "b"}
            return known[column.name]
        case Integer() | BigInteger():
            assert isinstance(value, int)
            return value + 1
        case LargeBinary():
            assert isinstance(value, bytes)
            return value[:-1] + bytes((value[-1] ^ 1,))
        case Double():
            return 1_700_000_000.0
        case _:
            raise AssertionError(f"a column of a new type: {column}")


@pytest.mark.parametrize("column", COLUMNS, ids=str)
def test_an_edited_column_takes_the_version_out_of_use(
    holder_storage: Storage,
    safe: Safe,
    administrator: EmbeddedKeyAdministrator,
    clock: SetClock,
    caplog: pytest.LogCaptureFixture,
    column: Column[object],
) -> None:
    caplog.set_level(logging.CRITICAL)  # what is said of it is another test's business
    assert isinstance(column.table, Table)
    newest = text("number = 2") if column.table is embedded_key_versions else text("1 = 1")
    with holder_storage.transaction() as connection:
        connection.execute(text("PRAGMA defer_foreign_keys=ON"))
        value = connection.scalar(select(column).where(newest))
        edited = another(value, column)
        connection.execute(update(column.table).where(newest).values({column.name: edited}))
        if column.name == "key_id":  # a whole row of the one table that stands for another key
            connection.execute(
                text("UPDATE embedded_key_versions SET key_id = 'b'")
                if column.table is embedded_keys
                else text("INSERT INTO embedded_keys SELECT 'b', usages, state, 2, created_at, NULL FROM embedded_keys")
            )
    manager = EmbeddedKeyManager(holder_storage, Leasing(safe, clock))
    for key_id in ("a", "b"):
        with pytest.raises(KeyManagerError):
            asyncio.run(manager.encrypt(KeyVersion(key_id, 2), b"x", b"", NO_DEADLINE))
        with pytest.raises(KeyManagerError):
            asyncio.run(manager.decrypt(KeyVersion(key_id, 2), Sealed(b"x", bytes(12), bytes(16)), b"", NO_DEADLINE))


def test_versions_whose_numbers_are_swapped_do_not_open(
    holder_storage: Storage, safe: Safe, administrator: EmbeddedKeyAdministrator, clock: SetClock
) -> None:
    with holder_storage.transaction() as connection:
        connection.execute(text("UPDATE embedded_key_versions SET number = number + 10"))
        connection.execute(text("UPDATE embedded_key_versions SET number = 13 - number"))
    manager = EmbeddedKeyManager(holder_storage, Leasing(safe, clock))
    for number in (1, 2):
        with pytest.raises(KeyManagerError, match="does not open"):
            asyncio.run(manager.encrypt(KeyVersion("a", number), b"x", b"", NO_DEADLINE))
