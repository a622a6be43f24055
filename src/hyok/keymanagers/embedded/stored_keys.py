"""Keys in the storage, read and changed inside a transaction of the caller's."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Connection, Row, func, insert, select, update

from hyok.custody.errors import IntegrityError
from hyok.custody.safe import Safe
from hyok.errors import NotDoneError
from hyok.keymanagers.embedded.material import (
    MATERIAL_BYTES,
    KeyRow,
    KeyState,
    VersionPlace,
    open_material,
    read_row,
    seal_material,
    usages_text,
)
from hyok.keymanagers.interface import ManagedKey
from hyok.secret import Secret
from hyok.storage.changes import ChangeKind, record_change
from hyok.storage.schema import embedded_key_versions, embedded_keys


class StoredKey(NamedTuple):
    """A key's row, with what is not bound to its material."""

    row: KeyRow
    created_at: float


def find_key(connection: Connection, key_id: str) -> StoredKey | None:
    """Return a key, a destroyed one too; None if there never was one of that id."""
    found = connection.execute(select(embedded_keys).where(embedded_keys.c.key_id == key_id)).one_or_none()
    return None if found is None else read_key(found)


def get_key(connection: Connection, key_id: str) -> StoredKey:
    """Return a key. NotDoneError if there is none of that id, or it is destroyed."""
    key = find_key(connection, key_id)
    if key is None:
        raise NotDoneError(f"the embedded key manager has no key {key_id!r}; see its keys, or create it")
    if key.row.state is KeyState.DESTROYED:
        raise NotDoneError(f"key {key_id} was destroyed: its deletion was due on {describe_date(key.row.deletion_at)}")
    return key


def read_key(row: Row[tuple[str, str, str, int, float, float | None]]) -> StoredKey:
    """Read a row of the table. IntegrityError if hyok never wrote it so."""
    columns = read_row(
        row.key_id,
        usages=row.usages,
        state=row.state,
        active_version=row.active_version,
        deletion_at=row.deletion_at,
    )
    return StoredKey(columns, row.created_at)


def insert_key(connection: Connection, safe: Safe, row: KeyRow, material: Secret, *, now: float, act: str) -> StoredKey:
    """Add a key with its first version; `act` is for the record.

    NotDoneError if the id is taken, by a destroyed key too.
    """
    there = find_key(connection, row.key_id)
    if there is not None and there.row.state is KeyState.DESTROYED:
        raise NotDoneError(
            f"key {row.key_id} was destroyed, and its id never stands for other material; choose another id"
        )
    if there is not None:
        raise NotDoneError(f"key {row.key_id} exists already; choose another id, or rotate it to get new material")
    connection.execute(insert(embedded_keys), {"key_id": row.key_id, "created_at": now, **_columns(row)})
    _add_version(connection, safe, row, material, now=now)
    usages = sorted(usage.value for usage in row.usages)
    record_change(connection, ChangeKind.EMBEDDED_KEY, row.key_id, at=now, act=act, details={"usages": usages})
    return StoredKey(row, now)


def rotate(connection: Connection, safe: Safe, key: StoredKey, *, now: float) -> StoredKey:
    """Add a version with fresh material, which encrypts from now on."""
    row = key.row._replace(active_version=key.row.active_version + 1)
    change_key(connection, safe, key.row, row, now=now)
    _add_version(connection, safe, row, new_material(), now=now)
    return StoredKey(row, key.created_at)


def change_key(connection: Connection, safe: Safe, old: KeyRow, new: KeyRow, *, now: float) -> None:
    """Change a key's row. The material is bound to it, so all versions are sealed anew in the same transaction.

    IntegrityError if a version does not open, unless the change takes the key out of use.
    """
    of_key = embedded_key_versions.c.key_id == new.key_id
    is_withdrawal = new.state is not KeyState.ENABLED and new.active_version == old.active_version
    for place, sealed in read_versions(connection, new.key_id):
        try:
            material = open_material(safe, sealed, row=old, place=place)
        except IntegrityError:
            if is_withdrawal:
                continue  # it opens neither before nor after, and must not keep the key from being withdrawn
            raise
        resealed = seal_material(safe, material, row=new, place=place)
        connection.execute(
            update(embedded_key_versions)
            .where(of_key, embedded_key_versions.c.number == place.number)
            .values(sealed_material=resealed)
        )
    connection.execute(update(embedded_keys).where(embedded_keys.c.key_id == new.key_id).values(_columns(new)))
    details = {"version": new.active_version, "deletion_at": new.deletion_at}
    record_change(connection, ChangeKind.EMBEDDED_KEY, new.key_id, at=now, act=_describe_act(old, new), details=details)


def _describe_act(old: KeyRow, new: KeyRow) -> str:
    if new.active_version != old.active_version:
        return "rotate"
    if old.state is KeyState.PENDING_DELETION:
        return "cancel deletion of"
    match new.state:
        case KeyState.ENABLED:
            return "enable"
        case KeyState.DISABLED:
            return "disable"
        case KeyState.PENDING_DELETION:
            return "schedule deletion of"
        case KeyState.DESTROYED:
            return "destroy"


def read_versions(connection: Connection, key_id: str) -> list[tuple[VersionPlace, bytes]]:
    """Return each version's place and sealed material, oldest first."""
    columns = embedded_key_versions.c
    rows = connection.execute(
        select(columns.number, columns.encryptions_leased, columns.sealed_material)
        .where(columns.key_id == key_id)
        .order_by(columns.number)
    )
    return [(VersionPlace(row.number, row.encryptions_leased), row.sealed_material) for row in rows]


def count_versions(connection: Connection, key_id: str) -> int:
    """Return how many versions a key has."""
    return connection.scalar(select(func.count()).where(embedded_key_versions.c.key_id == key_id)) or 0


def describe_key(key: StoredKey, *, version_count: int) -> ManagedKey:
    """Return a key as an operator sees it."""
    return ManagedKey(
        key_id=key.row.key_id,
        usages=key.row.usages,
        is_enabled=key.row.state is KeyState.ENABLED,
        active_version=key.row.active_version,
        version_count=version_count,
        created_at=key.created_at,
        deletion_at=key.row.deletion_at,
    )


def describe_date(at: float | None) -> str:
    """Write an instant for a message, to the minute in UTC."""
    return "an unknown date" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def new_material() -> Secret:
    """Make the 32 bytes of a version."""
    return Secret(os.urandom(MATERIAL_BYTES))


def _add_version(connection: Connection, safe: Safe, row: KeyRow, material: Secret, *, now: float) -> None:
    place = VersionPlace(row.active_version)
    version = {
        "key_id": row.key_id,
        "number": place.number,
        "sealed_material": seal_material(safe, material, row=row, place=place),
        "created_at": now,
    }
    connection.execute(insert(embedded_key_versions), version)


def _columns(row: KeyRow) -> dict[str, str | int | float | None]:
    return {
        "usages": usages_text(row.usages),
        "state": row.state.value,
        "active_version": row.active_version,
        "deletion_at": row.deletion_at,
    }
