"""All keys in memory, each in one compact `bytes`, so that a million of them fit and load in seconds.

A record: 1 byte of flags, the active version in 4 bytes big-endian, then for each version its number in 4 bytes, the
encryptions it has given out in 8, the length of its sealed material in 2, and that material, which is in the clear
nowhere. A destroyed key has no record.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Final, NewType

from sqlalchemy import Connection, select

from hyok.custody.errors import IntegrityError
from hyok.keymanagers.embedded.material import (
    KeyRow,
    KeyState,
    VersionPlace,
    is_encryption_count,
    is_version_number,
    read_row,
)
from hyok.keymanagers.interface import KeyUsage
from hyok.storage.schema import embedded_key_versions, embedded_keys

_log = logging.getLogger(__name__)

KeyRecord = NewType("KeyRecord", bytes)

IS_ENABLED: Final = 1
MAY_ENCRYPT: Final = 2
MAY_DECRYPT: Final = 4

_HEAD_BYTES: Final = 5
_VERSION_HEAD_BYTES: Final = 14
_KEYS_AT_ONCE: Final = 500
"""Below SQLite's limit on parameters of one statement."""


def read_all_records(connection: Connection) -> dict[str, KeyRecord]:
    """Read every key. One whose row holds a word that hyok never writes is reported and taken as disabled."""
    return dict(_read_records(connection, None))


def read_records(connection: Connection, key_ids: list[str]) -> dict[str, KeyRecord]:
    """Read these keys; one that is not there is left out."""
    found: dict[str, KeyRecord] = {}
    for start in range(0, len(key_ids), _KEYS_AT_ONCE):
        found.update(_read_records(connection, key_ids[start : start + _KEYS_AT_ONCE]))
    return found


def flags_of(row: KeyRow) -> int:
    """Return a row's state and usages as a record holds them."""
    flags = IS_ENABLED if row.state is KeyState.ENABLED else 0
    if KeyUsage.ENCRYPT in row.usages:
        flags |= MAY_ENCRYPT
    if KeyUsage.DECRYPT in row.usages:
        flags |= MAY_DECRYPT
    return flags


def row_of(key_id: str, record: KeyRecord) -> KeyRow:
    """Return the row that a record was made of, as far as it matters for use: one pending deletion is disabled."""
    flags = record[0]
    usages = {usage for usage, flag in _FLAG_OF_USAGE if flags & flag}
    state = KeyState.ENABLED if flags & IS_ENABLED else KeyState.DISABLED
    return KeyRow(key_id, frozenset(usages), state, active_version_of(record))


def active_version_of(record: KeyRecord) -> int:
    """Return the number of the version that encrypts."""
    return int.from_bytes(record[1:_HEAD_BYTES])


def versions_of(record: KeyRecord) -> Iterator[tuple[VersionPlace, bytes]]:
    """Yield each version's place and sealed material."""
    position = _HEAD_BYTES
    while position < len(record):
        place = VersionPlace(
            int.from_bytes(record[position : position + 4]), int.from_bytes(record[position + 4 : position + 12])
        )
        start = position + _VERSION_HEAD_BYTES
        position = start + int.from_bytes(record[position + 12 : start])
        yield place, record[start:position]


def _read_records(connection: Connection, key_ids: list[str] | None) -> Iterator[tuple[str, KeyRecord]]:
    query = (
        select(
            embedded_keys.c.key_id,
            embedded_keys.c.usages,
            embedded_keys.c.state,
            embedded_keys.c.active_version,
            embedded_keys.c.deletion_at,
            embedded_key_versions.c.number,
            embedded_key_versions.c.encryptions_leased,
            embedded_key_versions.c.sealed_material,
        )
        .join_from(embedded_keys, embedded_key_versions, isouter=True)  # a key that lost its versions is still known
        .where(embedded_keys.c.state != KeyState.DESTROYED.value)
        .order_by(embedded_keys.c.key_id, embedded_key_versions.c.number)
    )
    if key_ids is not None:
        query = query.where(embedded_keys.c.key_id.in_(key_ids))
    last_id = ""
    record = b""
    heads: dict[_Columns, bytes] = {}
    for key_id, usages, state, active_version, deletion_at, number, leased, sealed in connection.execute(
        query, execution_options={"yield_per": 10_000}
    ):
        if key_id != last_id:
            if record:
                yield last_id, KeyRecord(record)
            last_id = key_id
            columns = (usages, state, active_version, deletion_at)
            head = heads.get(columns)
            if head is None:
                head = _encode_head(key_id, columns)
                if any(head):  # an altered row is reported for each key
                    heads[columns] = head
            record = head
        if number is not None:
            record += _encode_version(key_id, number, leased, sealed)
    if record:
        yield last_id, KeyRecord(record)


_Columns = tuple[str, str, int, float | None]


def _encode_head(key_id: str, columns: _Columns) -> bytes:
    usages, state, active_version, deletion_at = columns
    try:
        row = read_row(key_id, usages=usages, state=state, active_version=active_version, deletion_at=deletion_at)
    except IntegrityError as error:
        # One altered row must not keep the other keys from serving.
        _log.error("%s; until then the key is taken as disabled", error)
        return bytes(_HEAD_BYTES)
    return bytes((flags_of(row),)) + active_version.to_bytes(4)


def _encode_version(key_id: str, number: object, leased: object, sealed: object) -> bytes:
    if not (
        is_version_number(number) and is_encryption_count(leased) and isinstance(sealed, bytes) and len(sealed) < 2**16
    ):
        _log.error("a version of key %s in table embedded_key_versions was altered and is left out", key_id)
        return b""
    return number.to_bytes(4) + leased.to_bytes(8) + len(sealed).to_bytes(2) + sealed


_FLAG_OF_USAGE: Final = ((KeyUsage.ENCRYPT, MAY_ENCRYPT), (KeyUsage.DECRYPT, MAY_DECRYPT))
