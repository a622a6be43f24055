"""Make and change keys of the embedded key manager, each change durable and in the change log when the call returns."""

from __future__ import annotations

import os
from typing import NamedTuple

from sqlalchemy import Connection, Row, func, insert, select, update

from hyok.clock import Clock
from hyok.custody.errors import IntegrityError
from hyok.custody.safe import Safe
from hyok.errors import NotDoneError
from hyok.keymanagers.embedded.material import (
    MATERIAL_BYTES,
    KeyRow,
    KeyState,
    open_material,
    read_row,
    seal_material,
    usages_text,
)
from hyok.keymanagers.interface import KeyUsage, ManagedKey
from hyok.secret import Secret
from hyok.storage.changes import ChangeKind, record_change
from hyok.storage.engine import Storage
from hyok.storage.schema import embedded_key_versions, embedded_keys
from hyok.xks.uri import is_external_key_id


class EmbeddedKeyAdministrator:
    """A `KeyAdministrator` on the storage of the embedded key manager.

    Besides what the protocol names, it raises IntegrityError if a key's row was altered, and StorageError.
    """

    def __init__(self, storage: Storage, safe: Safe, clock: Clock) -> None:
        self._storage = storage
        self._safe = safe
        self._clock = clock

    def create_key(self, key_id: str, usages: frozenset[KeyUsage]) -> ManagedKey:
        """Create an AES-256 key with version 1, enabled. NotDoneError if the id is taken or no key id."""
        if not is_external_key_id(key_id):
            raise NotDoneError(
                f"{key_id!r} ({len(key_id)} characters) is no key id; use 1 to 128 of the characters a-z A-Z 0-9 - . _"
            )
        if not usages:
            raise NotDoneError(f"key {key_id} would be of no use; name at least one of ENCRYPT and DECRYPT")
        row = KeyRow(key_id, usages, KeyState.ENABLED, 1)
        now = self._clock.now()
        with self._storage.transaction() as connection:
            if _find(connection, key_id) is not None:
                raise NotDoneError(f"key {key_id} exists already; choose another id, or rotate it to get new material")
            connection.execute(insert(embedded_keys), {"key_id": key_id, "created_at": now, **_columns(row)})
            self._add_version(connection, row, now)
            record_change(connection, ChangeKind.EMBEDDED_KEY, key_id, at=now)
            return _managed(connection, _StoredKey(row, now))

    def rotate_key(self, key_id: str) -> ManagedKey:
        """Add a version, which encrypts from now on; older ones decrypt on."""
        now = self._clock.now()
        with self._storage.transaction() as connection:
            key = _get(connection, key_id)
            row = key.row._replace(active_version=key.row.active_version + 1)
            self._change_row(connection, key.row, row, now)
            self._add_version(connection, row, now)
            return _managed(connection, _StoredKey(row, key.created_at))

    def enable_key(self, key_id: str) -> ManagedKey:
        """Allow use of the key; nothing changes if it is allowed already."""
        return self._set_state(key_id, KeyState.ENABLED)

    def disable_key(self, key_id: str) -> ManagedKey:
        """Refuse all use of the key until it is enabled again; nothing changes if it is refused already."""
        return self._set_state(key_id, KeyState.DISABLED)

    def show_key(self, key_id: str) -> ManagedKey:
        """Return one key. NotDoneError if there is none of that id."""
        with self._storage.reading() as connection:
            return _managed(connection, _get(connection, key_id))

    def list_keys(self) -> tuple[ManagedKey, ...]:
        """Return all keys, sorted by id."""
        with self._storage.reading() as connection:
            versions = embedded_key_versions.c
            counted = connection.execute(
                select(versions.key_id, func.count().label("number")).group_by(versions.key_id)
            )
            counts: dict[str, int] = {row.key_id: row.number for row in counted}
            rows = connection.execute(select(embedded_keys).order_by(embedded_keys.c.key_id))
            return tuple(_describe(_read(row), version_count=counts.get(row.key_id, 0)) for row in rows)

    def _set_state(self, key_id: str, state: KeyState) -> ManagedKey:
        with self._storage.transaction() as connection:
            key = _get(connection, key_id)
            row = key.row._replace(state=state)
            if row != key.row:
                self._change_row(connection, key.row, row, self._clock.now())
            return _managed(connection, _StoredKey(row, key.created_at))

    def _change_row(self, connection: Connection, old: KeyRow, new: KeyRow, now: float) -> None:
        # The material is bound to the row, so all versions are sealed anew in the same transaction.
        of_key = embedded_key_versions.c.key_id == new.key_id
        versions = select(embedded_key_versions.c.number, embedded_key_versions.c.sealed_material).where(of_key)
        is_withdrawal = old.state is KeyState.ENABLED and new.state is KeyState.DISABLED
        for number, sealed in connection.execute(versions).all():
            try:
                material = open_material(self._safe, sealed, row=old, number=number)
            except IntegrityError:
                if is_withdrawal:
                    continue  # it opens neither before nor after, and must not keep the key from being disabled
                raise
            resealed = seal_material(self._safe, material, row=new, number=number)
            connection.execute(
                update(embedded_key_versions)
                .where(of_key, embedded_key_versions.c.number == number)
                .values(sealed_material=resealed)
            )
        connection.execute(update(embedded_keys).where(embedded_keys.c.key_id == new.key_id).values(_columns(new)))
        record_change(connection, ChangeKind.EMBEDDED_KEY, new.key_id, at=now)

    def _add_version(self, connection: Connection, row: KeyRow, now: float) -> None:
        material = Secret(os.urandom(MATERIAL_BYTES))
        version = {
            "key_id": row.key_id,
            "number": row.active_version,
            "sealed_material": seal_material(self._safe, material, row=row, number=row.active_version),
            "created_at": now,
        }
        connection.execute(insert(embedded_key_versions), version)


class _StoredKey(NamedTuple):
    row: KeyRow
    created_at: float


def _columns(row: KeyRow) -> dict[str, str | int]:
    return {"usages": usages_text(row.usages), "state": row.state.value, "active_version": row.active_version}


def _find(connection: Connection, key_id: str) -> _StoredKey | None:
    found = connection.execute(select(embedded_keys).where(embedded_keys.c.key_id == key_id)).one_or_none()
    return None if found is None else _read(found)


def _get(connection: Connection, key_id: str) -> _StoredKey:
    key = _find(connection, key_id)
    if key is None:
        raise NotDoneError(f"the embedded key manager has no key {key_id!r}; see its keys, or create it")
    return key


def _read(row: Row[tuple[str, str, str, int, float]]) -> _StoredKey:
    columns = read_row(row.key_id, usages=row.usages, state=row.state, active_version=row.active_version)
    return _StoredKey(columns, row.created_at)


def _managed(connection: Connection, key: _StoredKey) -> ManagedKey:
    count = select(func.count()).where(embedded_key_versions.c.key_id == key.row.key_id)
    return _describe(key, version_count=connection.scalar(count) or 0)


def _describe(key: _StoredKey, *, version_count: int) -> ManagedKey:
    return ManagedKey(
        key_id=key.row.key_id,
        usages=key.row.usages,
        is_enabled=key.row.state is KeyState.ENABLED,
        active_version=key.row.active_version,
        version_count=version_count,
        created_at=key.created_at,
    )
