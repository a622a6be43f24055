"""Which keys of which key manager a key store offers to AWS KMS: one not added does not exist for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from sqlalchemy import Connection, Row, delete, insert, select

from hyok.administration.first_use import FirstUse, read_first_uses, write_unbound
from hyok.administration.keystores import get_key_store
from hyok.clock import Clock
from hyok.errors import NotDoneError
from hyok.proxy.ciphertext_metadata import FIRST_COPY, MAX_COPY
from hyok.storage.changes import ChangeKind, record_change
from hyok.storage.engine import Storage
from hyok.storage.schema import decrypt_callers, external_key_copies, external_keys, first_use_bindings, proxy_policies
from hyok.xks.uri import is_external_key_id


class KeyCopy(NamedTuple):
    """The same external key in a further key manager, with material of its own."""

    number: int
    """From 2; ciphertext tells by it which copy sealed it. The key's own manager has number 1."""
    key_manager: str
    manager_key_id: str


class Place(NamedTuple):
    """Where a key is: its manager's name in the configuration, and its name in that manager."""

    key_manager: str
    manager_key_id: str

    def __str__(self) -> str:
        return f"{self.key_manager}:{self.manager_key_id}"


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
    copies: tuple[KeyCopy, ...] = ()
    """Further copies, which stand in for the first in this order."""
    first_use: FirstUse | None = None
    """What it is bound to; None if it may serve any KMS key."""

    @property
    def places(self) -> tuple[Place, ...]:
        """Where the key is, in the order in which its copies are asked to encrypt."""
        further = (Place(copy.key_manager, copy.manager_key_id) for copy in self.copies)
        return (Place(self.key_manager, self.manager_key_id), *further)


def add_external_key(
    storage: Storage,
    clock: Clock,
    *,
    key_store: str,
    external_key_id: str,
    key_manager: str,
    manager_key_id: str,
    copies: Sequence[Place] = (),
    bind_first_use: bool = False,
) -> ExternalKey:
    """Add a manager's key to a key store, with `copies` of it in other managers. Does not ask whether they have it.

    NotDoneError if there is no such key store, the id is taken in it or is none, or a place is named twice.
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
        for place in copies:
            key = _add_copy(connection, key, place)
        if bind_first_use:
            write_unbound(connection, key_store, external_key_id)
            key = replace(key, first_use=FirstUse(None, None))
        _record(connection, key, "add", at=key.created_at)
    return key


def add_copy(storage: Storage, clock: Clock, *, key_store: str, external_key_id: str, place: Place) -> ExternalKey:
    """Add a further copy of an external key, behind those there are. NotDoneError if it has one there already."""
    with storage.transaction() as connection:
        key = _add_copy(connection, get_external_key(connection, key_store, external_key_id), place)
        _record(connection, key, "add copy to", at=clock.now())
    return key


def _add_copy(connection: Connection, key: ExternalKey, place: Place) -> ExternalKey:
    if place in key.places:
        raise NotDoneError(f"external key {key.external_key_id} has a copy at {place} already; name another key")
    number = max((copy.number for copy in key.copies), default=FIRST_COPY) + 1
    if number > MAX_COPY:
        raise NotDoneError(f"external key {key.external_key_id} has {MAX_COPY} copies, and takes no more")
    connection.execute(
        insert(external_key_copies),
        {
            "key_store": key.key_store,
            "external_key_id": key.external_key_id,
            "number": number,
            "position": number - FIRST_COPY,
            "key_manager": place.key_manager,
            "manager_key_id": place.manager_key_id,
        },
    )
    return replace(key, copies=(*key.copies, KeyCopy(number, *place)))


def list_external_keys(storage: Storage, *, key_store: str | None = None) -> tuple[ExternalKey, ...]:
    """Return the keys of one key store, or of all, sorted by key store and id."""
    query = select(external_keys).order_by(external_keys.c.key_store, external_keys.c.external_key_id)
    with storage.reading() as connection:
        if key_store is not None:
            get_key_store(connection, key_store)
            query = query.where(external_keys.c.key_store == key_store)
        copies, first_uses = _read_copies(connection), read_first_uses(connection)
        return tuple(_read(row, copies, first_uses) for row in connection.execute(query))


def show_external_key(storage: Storage, *, key_store: str, external_key_id: str) -> ExternalKey:
    """Return one key of a key store. NotDoneError if it is not there."""
    with storage.reading() as connection:
        return get_external_key(connection, key_store, external_key_id)


def remove_external_key(storage: Storage, clock: Clock, *, key_store: str, external_key_id: str) -> ExternalKey:
    """Take a key out of a key store: AWS KMS is told that there is none. It stays in its key manager."""
    with storage.transaction() as connection:
        key = get_external_key(connection, key_store, external_key_id)
        deleted = {
            table: connection.execute(
                delete(table).where(table.c.key_store == key_store, table.c.external_key_id == external_key_id)
            ).rowcount
            for table in (external_key_copies, first_use_bindings, proxy_policies, decrypt_callers, external_keys)
        }
        if deleted[proxy_policies]:
            record_change(
                connection,
                ChangeKind.POLICY,
                key_store,
                at=clock.now(),
                act="remove",
                details={"external_key_id": external_key_id},
            )
        _record(connection, key, "remove", at=clock.now())
    return key


def _record(connection: Connection, key: ExternalKey, act: str, *, at: float) -> None:
    record_change(
        connection,
        ChangeKind.EXTERNAL_KEY,
        f"{key.key_store}/{key.external_key_id}",
        at=at,
        act=act,
        details={"places": [str(place) for place in key.places], "binds_first_use": key.first_use is not None},
    )


def _find(connection: Connection, key_store: str, external_key_id: str) -> ExternalKey | None:
    row = connection.execute(
        select(external_keys).where(
            external_keys.c.key_store == key_store, external_keys.c.external_key_id == external_key_id
        )
    ).one_or_none()
    if row is None:
        return None
    return _read(row, _read_copies(connection, key_store, external_key_id), read_first_uses(connection))


def get_external_key(connection: Connection, key_store: str, external_key_id: str) -> ExternalKey:
    """Return one key of a key store. NotDoneError if it is not there."""
    get_key_store(connection, key_store)
    key = _find(connection, key_store, external_key_id)
    if key is None:
        raise NotDoneError(f"key store {key_store} has no external key {external_key_id!r}; list its keys, or add it")
    return key


def _read(
    row: Row[tuple[object, ...]],
    copies: Mapping[tuple[str, str], tuple[KeyCopy, ...]],
    first_uses: Mapping[tuple[str, str], FirstUse],
) -> ExternalKey:
    return ExternalKey(
        row.key_store,
        row.external_key_id,
        row.key_manager,
        row.manager_key_id,
        row.created_at,
        copies.get((row.key_store, row.external_key_id), ()),
        first_uses.get((row.key_store, row.external_key_id)),
    )


def _read_copies(
    connection: Connection, key_store: str | None = None, external_key_id: str | None = None
) -> dict[tuple[str, str], tuple[KeyCopy, ...]]:
    """Return the further copies of one key or of all, by key store and external key id, in their order."""
    table = external_key_copies.c
    query = select(external_key_copies).order_by(table.position)
    if key_store is not None:
        query = query.where(table.key_store == key_store, table.external_key_id == external_key_id)
    found: defaultdict[tuple[str, str], tuple[KeyCopy, ...]] = defaultdict(tuple)
    for row in connection.execute(query):
        found[row.key_store, row.external_key_id] += (KeyCopy(row.number, row.key_manager, row.manager_key_id),)
    return found
