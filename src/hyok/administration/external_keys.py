"""Which keys of which key manager a key store offers to AWS KMS: one not added does not exist for it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Row, delete, insert, select

from hyok.administration.keystores import get_key_store
from hyok.clock import Clock
from hyok.errors import NotDoneError
from hyok.storage.changes import ChangeKind, record_change
from hyok.storage.engine import Storage
from hyok.storage.schema import external_keys
from hyok.xks.uri import is_external_key_id


@dataclass(frozen=True, slots=True)
class ExternalKey:
    """A key of a key manager under the id by which AWS KMS knows it."""

    key_store: str
    external_key_id: str
    """`XksKeyId` at AWS KMS: 1 to 128 characters of `a-z A-Z 0-9 - . _`."""
    key_manager: str
    """The key manager's name in the configuration."""
    manager_key_id: str
    """The key's name in that manager."""
    created_at: float
    """When it was added, in Unix seconds."""


def add_external_key(
    storage: Storage, clock: Clock, *, key_store: str, external_key_id: str, key_manager: str, manager_key_id: str
) -> ExternalKey:
    """Add a manager's key to a key store. Does not ask the manager whether it has the key.

    NotDoneError if there is no such key store, or the id is taken in it or is none.
    """
    if not is_external_key_id(external_key_id):
        raise NotDoneError(
            f"{external_key_id!r} ({len(external_key_id)} characters) is no external key id; use 1 to 128 of the "
            "characters a-z A-Z 0-9 - . _"
        )
    key = ExternalKey(key_store, external_key_id, key_manager, manager_key_id, clock.now())
    with storage.transaction() as connection:
        get_key_store(connection, key_store)
        if _find(connection, key_store, external_key_id) is not None:
            raise NotDoneError(
                f"key store {key_store} has an external key {external_key_id} already; AWS KMS ties a KMS key to it "
                "for life, so choose another id"
            )
        connection.execute(
            insert(external_keys),
            {
                "key_store": key_store,
                "external_key_id": external_key_id,
                "key_manager": key_manager,
                "manager_key_id": manager_key_id,
                "created_at": key.created_at,
            },
        )
        record_change(connection, ChangeKind.EXTERNAL_KEY, f"{key_store}/{external_key_id}", at=key.created_at)
    return key


def list_external_keys(storage: Storage, *, key_store: str | None = None) -> tuple[ExternalKey, ...]:
    """Return the keys of one key store, or of all, sorted by key store and id."""
    query = select(external_keys).order_by(external_keys.c.key_store, external_keys.c.external_key_id)
    with storage.reading() as connection:
        if key_store is not None:
            get_key_store(connection, key_store)
            query = query.where(external_keys.c.key_store == key_store)
        return tuple(_read(row) for row in connection.execute(query))


def show_external_key(storage: Storage, *, key_store: str, external_key_id: str) -> ExternalKey:
    """Return one key of a key store. NotDoneError if it is not there."""
    with storage.reading() as connection:
        return _get(connection, key_store, external_key_id)


def remove_external_key(storage: Storage, clock: Clock, *, key_store: str, external_key_id: str) -> ExternalKey:
    """Take a key out of a key store: AWS KMS is told that there is none. It stays in its key manager."""
    with storage.transaction() as connection:
        key = _get(connection, key_store, external_key_id)
        connection.execute(
            delete(external_keys).where(
                external_keys.c.key_store == key_store, external_keys.c.external_key_id == external_key_id
            )
        )
        record_change(connection, ChangeKind.EXTERNAL_KEY, f"{key_store}/{external_key_id}", at=clock.now())
    return key


def _find(connection: Connection, key_store: str, external_key_id: str) -> ExternalKey | None:
    row = connection.execute(
        select(external_keys).where(
            external_keys.c.key_store == key_store, external_keys.c.external_key_id == external_key_id
        )
    ).one_or_none()
    return None if row is None else _read(row)


def _get(connection: Connection, key_store: str, external_key_id: str) -> ExternalKey:
    get_key_store(connection, key_store)
    key = _find(connection, key_store, external_key_id)
    if key is None:
        raise NotDoneError(f"key store {key_store} has no external key {external_key_id!r}; list its keys, or add it")
    return key


def _read(row: Row[tuple[object, ...]]) -> ExternalKey:
    return ExternalKey(row.key_store, row.external_key_id, row.key_manager, row.manager_key_id, row.created_at)
