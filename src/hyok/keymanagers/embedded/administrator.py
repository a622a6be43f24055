"""Make and change keys of the embedded key manager, each change durable and in the change log when the call returns."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, func, select

from hyok.clock import Clock
from hyok.custody.safe import Safe
from hyok.errors import NotDoneError
from hyok.keymanagers.embedded.material import MATERIAL_BYTES, KeyRow, KeyState
from hyok.keymanagers.embedded.stored_keys import (
    StoredKey,
    change_key,
    count_versions,
    describe_date,
    describe_key,
    get_key,
    insert_key,
    new_material,
    read_key,
    rotate,
)
from hyok.keymanagers.interface import KeyUsage, ManagedKey
from hyok.secret import Secret
from hyok.storage.engine import Storage
from hyok.storage.schema import embedded_key_versions, embedded_keys
from hyok.xks.uri import is_external_key_id

WAITING_DAYS: Final = range(7, 31)
"""How long a deletion may wait, as at AWS KMS."""
_SECONDS_OF_DAY: Final = 86_400


class EmbeddedKeyAdministrator:
    """A `MaterialAdministrator` on the storage of the embedded key manager.

    Besides what the protocol names, it raises IntegrityError if a key's row was altered, and StorageError.
    """

    def __init__(self, storage: Storage, safe: Safe, clock: Clock) -> None:
        self._storage = storage
        self._safe = safe
        self._clock = clock

    def create_key(self, key_id: str, usages: frozenset[KeyUsage]) -> ManagedKey:
        """Create an AES-256 key with version 1, enabled. NotDoneError if the id is taken or no key id."""
        return self._insert(key_id, usages, new_material(), act="create")

    def import_key(self, key_id: str, usages: frozenset[KeyUsage], material: Secret) -> ManagedKey:
        """Create a key whose version 1 is material from elsewhere, 32 bytes. NotDoneError as `create_key`."""
        found = len(material.reveal())
        if found != MATERIAL_BYTES:
            raise NotDoneError(f"an AES-256 key has {MATERIAL_BYTES} bytes, and this one {found}; nothing was imported")
        return self._insert(key_id, usages, material, act="import")

    def rotate_key(self, key_id: str) -> ManagedKey:
        """Add a version, which encrypts from now on; older ones decrypt on."""
        with self._storage.transaction() as connection:
            key = get_key(connection, key_id)
            _refuse_pending(key)
            return _managed(connection, rotate(connection, self._safe, key, now=self._clock.now()))

    def enable_key(self, key_id: str) -> ManagedKey:
        """Allow use of the key; nothing changes if it is allowed already."""
        return self._set_state(key_id, KeyState.ENABLED)

    def disable_key(self, key_id: str) -> ManagedKey:
        """Refuse all use of the key until it is enabled again; nothing changes if it is refused already."""
        return self._set_state(key_id, KeyState.DISABLED)

    def schedule_deletion(self, key_id: str, *, waiting_days: int) -> ManagedKey:
        """Refuse all use of the key from now on, and destroy it when the days are over. NotDoneError if it waits."""
        if waiting_days not in WAITING_DAYS:
            raise NotDoneError(
                f"a deletion waits {WAITING_DAYS[0]} to {WAITING_DAYS[-1]} days, not {waiting_days}: whoever still "
                "needs the key must have the time to notice"
            )
        with self._storage.transaction() as connection:
            key = get_key(connection, key_id)
            _refuse_pending(key)
            now = self._clock.now()
            deletion_at = float(int(now) + waiting_days * _SECONDS_OF_DAY)
            return self._change(connection, key, state=KeyState.PENDING_DELETION, deletion_at=deletion_at)

    def cancel_deletion(self, key_id: str) -> ManagedKey:
        """Keep a key that was to be destroyed; it is disabled then, as at AWS KMS. NotDoneError if it was not."""
        with self._storage.transaction() as connection:
            key = get_key(connection, key_id)
            if key.row.state is not KeyState.PENDING_DELETION:
                raise NotDoneError(f"key {key_id} is not to be deleted; there is nothing to cancel")
            return self._change(connection, key, state=KeyState.DISABLED, deletion_at=None)

    def show_key(self, key_id: str) -> ManagedKey:
        """Return one key. NotDoneError if there is none of that id."""
        with self._storage.reading() as connection:
            return _managed(connection, get_key(connection, key_id))

    def list_keys(self) -> tuple[ManagedKey, ...]:
        """Return all keys but those that are destroyed, sorted by id."""
        with self._storage.reading() as connection:
            versions = embedded_key_versions.c
            counted = connection.execute(
                select(versions.key_id, func.count().label("number")).group_by(versions.key_id)
            )
            counts: dict[str, int] = {row.key_id: row.number for row in counted}
            rows = connection.execute(
                select(embedded_keys)
                .where(embedded_keys.c.state != KeyState.DESTROYED.value)
                .order_by(embedded_keys.c.key_id)
            )
            return tuple(describe_key(read_key(row), version_count=counts.get(row.key_id, 0)) for row in rows)

    def _insert(self, key_id: str, usages: frozenset[KeyUsage], material: Secret, *, act: str) -> ManagedKey:
        if not is_external_key_id(key_id):
            raise NotDoneError(
                f"{key_id!r} ({len(key_id)} characters) is no key id; use 1 to 128 of the characters a-z A-Z 0-9 - . _"
            )
        if not usages:
            raise NotDoneError(f"key {key_id} would be of no use; name at least one of ENCRYPT and DECRYPT")
        row = KeyRow(key_id, usages, KeyState.ENABLED, 1)
        with self._storage.transaction() as connection:
            key = insert_key(connection, self._safe, row, material, now=self._clock.now(), act=act)
            return _managed(connection, key)

    def _set_state(self, key_id: str, state: KeyState) -> ManagedKey:
        with self._storage.transaction() as connection:
            key = get_key(connection, key_id)
            _refuse_pending(key)
            if key.row.state is state:
                return _managed(connection, key)
            return self._change(connection, key, state=state, deletion_at=None)

    def _change(
        self, connection: Connection, key: StoredKey, *, state: KeyState, deletion_at: float | None
    ) -> ManagedKey:
        row = key.row._replace(state=state, deletion_at=deletion_at)
        change_key(connection, self._safe, key.row, row, now=self._clock.now())
        return _managed(connection, StoredKey(row, key.created_at))


def _refuse_pending(key: StoredKey) -> None:
    if key.row.state is KeyState.PENDING_DELETION:
        raise NotDoneError(
            f"key {key.row.key_id} is to be destroyed on {describe_date(key.row.deletion_at)} and cannot be changed "
            "until then; cancel its deletion first"
        )


def _managed(connection: Connection, key: StoredKey) -> ManagedKey:
    return describe_key(key, version_count=count_versions(connection, key.row.key_id))
