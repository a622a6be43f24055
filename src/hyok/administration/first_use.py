"""External keys that serve one KMS key only: the first that uses them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, insert, select, update
from sqlalchemy import delete as delete_from

from hyok.clock import Clock
from hyok.errors import NotDoneError
from hyok.storage.changes import ChangeKind, record_change
from hyok.storage.engine import Storage
from hyok.storage.schema import external_keys, first_use_bindings


class FirstUse(NamedTuple):
    """What an external key is bound to."""

    kms_key_arn: str | None
    """None until it is used for the first time."""
    bound_at: float | None
    """Unix seconds."""


def bind_at_next_use(storage: Storage, clock: Clock, *, key_store: str, external_key_id: str) -> None:
    """Bind an external key to the KMS key that uses it next; one that it is bound to now is forgotten. NotDoneError."""
    with storage.transaction() as connection:
        _require(connection, key_store, external_key_id)
        was = read_first_uses(connection).get((key_store, external_key_id))
        write_unbound(connection, key_store, external_key_id)
        _record(connection, key_store, external_key_id, "bind at next use", at=clock.now(), was=was)


def unbind(storage: Storage, clock: Clock, *, key_store: str, external_key_id: str) -> None:
    """Let an external key serve any KMS key again. NotDoneError if it is not there, or is not to be bound."""
    table = first_use_bindings.c
    with storage.transaction() as connection:
        _require(connection, key_store, external_key_id)
        was = read_first_uses(connection).get((key_store, external_key_id))
        here = (table.key_store == key_store, table.external_key_id == external_key_id)
        if not connection.execute(delete_from(first_use_bindings).where(*here)).rowcount:
            raise NotDoneError(f"external key {external_key_id} of key store {key_store} is not bound: nothing to undo")
        _record(connection, key_store, external_key_id, "unbind", at=clock.now(), was=was)


def write_unbound(connection: Connection, key_store: str, external_key_id: str) -> None:
    """Have an external key bound at its next use, within the caller's transaction."""
    table = first_use_bindings.c
    here = (table.key_store == key_store, table.external_key_id == external_key_id)
    unbound = {"kms_key_arn": None, "bound_at": None}
    if not connection.execute(update(first_use_bindings).where(*here).values(unbound)).rowcount:
        row = {"key_store": key_store, "external_key_id": external_key_id, **unbound}
        connection.execute(insert(first_use_bindings), row)


def read_first_uses(connection: Connection) -> Mapping[tuple[str, str], FirstUse]:
    """Return what external keys are bound to, by key store and external key id; one that is not to be is left out."""
    rows = connection.execute(select(first_use_bindings))
    return {(row.key_store, row.external_key_id): FirstUse(row.kms_key_arn, row.bound_at) for row in rows}


def _require(connection: Connection, key_store: str, external_key_id: str) -> None:
    table = external_keys.c
    here = (table.key_store == key_store, table.external_key_id == external_key_id)
    if connection.scalar(select(table.key_manager).where(*here)) is None:
        raise NotDoneError(f"key store {key_store} has no external key {external_key_id!r}; list its keys, or add it")


def _record(
    connection: Connection, key_store: str, external_key_id: str, act: str, *, at: float, was: FirstUse | None
) -> None:
    record_change(
        connection,
        ChangeKind.EXTERNAL_KEY,
        f"{key_store}/{external_key_id}",
        at=at,
        act=act,
        details={"was_bound_to": None if was is None else was.kms_key_arn},
    )
