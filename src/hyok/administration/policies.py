"""The policies of secondary authorization: of a key store, and of the external keys that it offers."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, delete, insert, select, update

from hyok.administration.external_keys import show_external_key
from hyok.administration.keystores import get_key_store
from hyok.clock import Clock
from hyok.custody.errors import IntegrityError
from hyok.custody.policies import PolicyPlace, open_policy, seal_policy
from hyok.custody.safe import Safe
from hyok.errors import NotDoneError
from hyok.policy.dialects import PROXY_POLICY
from hyok.policy.parsing import parse_policy
from hyok.proxy.authorization.stored_policies import PolicyMode, label_policy
from hyok.storage.changes import ChangeKind, record_change
from hyok.storage.engine import Storage
from hyok.storage.schema import proxy_policies

DEFAULT_NAME: Final = "default"
_NAME_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
_NAME_LENGTH: Final = 64


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """A policy where it was set."""

    key_store: str
    external_key_id: str
    """Empty for a policy of the whole key store."""
    name: str
    mode: PolicyMode
    document: str
    """As it was given; empty if it cannot be opened."""
    set_at: float
    """Unix seconds."""

    @property
    def label(self) -> str:
        """How audit records call it."""
        return label_policy(self.name, self.external_key_id)


def set_policy(
    storage: Storage,
    safe: Safe,
    clock: Clock,
    *,
    key_store: str,
    external_key_id: str = "",
    name: str = DEFAULT_NAME,
    document: bytes,
    mode: PolicyMode = PolicyMode.ENFORCED,
) -> StoredPolicy:
    """Set a policy, in the place of the one of that name; one in force takes the place of one in shadow mode, too.

    PolicyError if the document is none; NotDoneError if there is no such key store or key.
    """
    parse_policy(document, PROXY_POLICY)
    if not (0 < len(name) <= _NAME_LENGTH and _NAME_CHARACTERS.issuperset(name)):
        raise NotDoneError(
            f"{name!r} ({len(name)} characters) cannot name a policy; use 1 to {_NAME_LENGTH} of the characters "
            "a-z A-Z 0-9 - _ ."
        )
    _check_place(storage, key_store, external_key_id)
    place = PolicyPlace(key_store, external_key_id, name, mode.value)
    policy = StoredPolicy(key_store, external_key_id, name, mode, document.decode(), clock.now())
    values = {"sealed_document": seal_policy(safe, document, place), "set_at": policy.set_at}
    with storage.transaction() as connection:
        get_key_store(connection, key_store)
        if not connection.execute(update(proxy_policies).where(*_at(place)).values(values)).rowcount:
            connection.execute(insert(proxy_policies), {**place._asdict(), **values})
        if mode is PolicyMode.ENFORCED:
            connection.execute(delete(proxy_policies).where(*_at(place._replace(mode=PolicyMode.SHADOW.value))))
        details = {**_details(place), "sha256": sha256(document).hexdigest()}
        record_change(connection, ChangeKind.POLICY, key_store, at=policy.set_at, act="set", details=details)
    return policy


def list_policies(storage: Storage, safe: Safe, *, key_store: str | None = None) -> tuple[StoredPolicy, ...]:
    """Return the policies of one key store and its keys, or of all, sorted by key store, key and name."""
    columns = proxy_policies.c
    query = select(proxy_policies).order_by(columns.key_store, columns.external_key_id, columns.name, columns.mode)
    with storage.reading() as connection:
        if key_store is not None:
            get_key_store(connection, key_store)
            query = query.where(columns.key_store == key_store)
        return tuple(_read(row, safe) for row in connection.execute(query))


def remove_policy(
    storage: Storage,
    clock: Clock,
    *,
    key_store: str,
    external_key_id: str = "",
    name: str = DEFAULT_NAME,
    mode: PolicyMode = PolicyMode.ENFORCED,
) -> None:
    """Remove a policy. NotDoneError if it is not there. Where none is left in force, everything is allowed."""
    place = PolicyPlace(key_store, external_key_id, name, mode.value)
    with storage.transaction() as connection:
        get_key_store(connection, key_store)
        if not connection.execute(delete(proxy_policies).where(*_at(place))).rowcount:
            where = f"external key {external_key_id!r} of key store {key_store}" if external_key_id else key_store
            raise NotDoneError(f"{where} has no policy {name!r} that is {mode.value}; see `hyok policy show`")
        record_change(connection, ChangeKind.POLICY, key_store, at=clock.now(), act="remove", details=_details(place))


def _check_place(storage: Storage, key_store: str, external_key_id: str) -> None:
    if external_key_id:
        show_external_key(storage, key_store=key_store, external_key_id=external_key_id)


def _details(place: PolicyPlace) -> dict[str, object]:
    return {"external_key_id": place.external_key_id, "name": place.name, "mode": place.mode}


def _at(place: PolicyPlace) -> list[ColumnElement[bool]]:
    return [proxy_policies.c[name] == value for name, value in place._asdict().items()]


def _read(row: Row[Any], safe: Safe) -> StoredPolicy:
    place = PolicyPlace(row.key_store, row.external_key_id, row.name, row.mode)
    try:
        document = open_policy(safe, row.sealed_document, place).decode()
    except IntegrityError:
        document = ""
    is_shadow = row.mode == PolicyMode.SHADOW.value
    mode = PolicyMode.SHADOW if is_shadow else PolicyMode.ENFORCED
    return StoredPolicy(row.key_store, row.external_key_id, row.name, mode, document, row.set_at)
