"""Key stores at the proxy: one path prefix each, with its own credentials, external keys, Regions and quota."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from hyok.clock import Clock
from hyok.errors import NotDoneError
from hyok.proxy.predecessors import Predecessor, parse_predecessor
from hyok.storage.changes import ChangeKind, record_change
from hyok.storage.engine import Storage
from hyok.storage.schema import (
    credentials,
    decrypt_baselines,
    decrypt_callers,
    external_key_copies,
    external_keys,
    first_use_bindings,
    key_stores,
    proxy_policies,
)
from hyok.xks.errors import XksError
from hyok.xks.uri import validate_uri_path

_NAME_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
MAXIMUM_QUOTA: Final = 1_000_000
"""More than any proxy answers."""
_NAME_LENGTH: Final = 64
_API_PATH: Final = "/kms/xks/v1"


@dataclass(frozen=True, slots=True)
class KeyStore:
    """One key store at the proxy."""

    name: str
    path_prefix: str
    """What stands before `/kms/xks/v1`: empty, or `/` and characters of `a-z A-Z 0-9 / - _`."""
    regions: tuple[str, ...]
    """The AWS Regions whose signatures are accepted; all if none is named."""
    created_at: float
    """Unix seconds."""
    quota: int | None
    """Requests per second; no limit if None."""
    predecessors: tuple[Predecessor, ...] = ()
    """The proxies before this one, whose ciphertext it still reads."""

    @property
    def uri_path(self) -> str:
        """The `XksProxyUriPath` that AWS KMS is told."""
        return self.path_prefix + _API_PATH


def create_key_store(
    storage: Storage,
    clock: Clock,
    *,
    name: str,
    path_prefix: str | None = None,
    regions: tuple[str, ...] = (),
    quota: int | None = None,
    predecessors: tuple[Predecessor, ...] = (),
) -> KeyStore:
    """Create a key store without credentials and keys; its path prefix is `/NAME` unless given.

    NotDoneError if the name or the prefix is taken or cannot be used.
    """
    if not (0 < len(name) <= _NAME_LENGTH and _NAME_CHARACTERS.issuperset(name)):
        raise NotDoneError(
            f"{name!r} ({len(name)} characters) cannot name a key store; use 1 to {_NAME_LENGTH} of the characters "
            "a-z A-Z 0-9 - _"
        )
    prefix = f"/{name}" if path_prefix is None else path_prefix
    key_store = KeyStore(name, prefix, tuple(dict.fromkeys(regions)), clock.now(), quota, predecessors)
    _check(key_store)
    with storage.transaction() as connection:
        if find_key_store(connection, name) is not None:
            raise NotDoneError(f"a key store named {name} exists already; choose another name, or update that one")
        _check_prefix_is_free(connection, key_store)
        connection.execute(
            insert(key_stores), {"name": name, "created_at": key_store.created_at, **_changeable_columns(key_store)}
        )
        details = _changeable_columns(key_store)
        record_change(connection, ChangeKind.KEY_STORE, name, at=key_store.created_at, act="create", details=details)
    return key_store


def list_key_stores(storage: Storage) -> tuple[KeyStore, ...]:
    """Return all key stores, sorted by name."""
    with storage.reading() as connection:
        return tuple(_read(row) for row in connection.execute(select(key_stores).order_by(key_stores.c.name)))


def show_key_store(storage: Storage, name: str) -> KeyStore:
    """Return one key store. NotDoneError if there is none of that name."""
    with storage.reading() as connection:
        return get_key_store(connection, name)


def update_key_store(storage: Storage, clock: Clock, name: str, change: Callable[[KeyStore], KeyStore]) -> KeyStore:
    """Change a key store's prefix, Regions, quota or predecessors; name and creation time stay.

    `change` sees the present key store, so that nobody else's change is lost:
    `lambda key_store: replace(key_store, quota=1800)`. NotDoneError if what it gives cannot be used.
    """
    with storage.transaction() as connection:
        present = get_key_store(connection, name)
        key_store = replace(change(present), name=present.name, created_at=present.created_at)
        if key_store != present:
            _check(key_store)
            _check_prefix_is_free(connection, key_store)
            connection.execute(
                update(key_stores).where(key_stores.c.name == name).values(_changeable_columns(key_store))
            )
            record_change(
                connection,
                ChangeKind.KEY_STORE,
                name,
                at=clock.now(),
                act="update",
                details=_differences(present, key_store),
            )
    return key_store


def delete_key_store(storage: Storage, clock: Clock, name: str, *, with_keys: bool = False) -> None:
    """Delete a key store and its credentials. The keys stay in their key managers.

    NotDoneError if external keys are still added to it, unless `with_keys`: AWS KMS can then use none of them.
    """
    with storage.transaction() as connection:
        get_key_store(connection, name)
        of_store = external_keys.c.key_store == name
        count = connection.scalar(select(func.count()).where(of_store)) or 0
        if count and not with_keys:
            raise NotDoneError(
                f"key store {name} still offers external keys ({count}), which AWS KMS could no longer use; remove "
                "them first, or say that the key store goes with its keys"
            )
        for table in (external_key_copies, first_use_bindings, proxy_policies, decrypt_baselines, decrypt_callers):
            connection.execute(delete(table).where(table.c.key_store == name))
        connection.execute(delete(external_keys).where(of_store))
        connection.execute(delete(credentials).where(credentials.c.key_store == name))
        connection.execute(delete(key_stores).where(key_stores.c.name == name))
        record_change(
            connection, ChangeKind.KEY_STORE, name, at=clock.now(), act="delete", details={"external_keys": count}
        )


def find_key_store(connection: Connection, name: str) -> KeyStore | None:
    """Return the key store of that name, if there is one."""
    row = connection.execute(select(key_stores).where(key_stores.c.name == name)).one_or_none()
    return None if row is None else _read(row)


def get_key_store(connection: Connection, name: str) -> KeyStore:
    """Return the key store of that name. NotDoneError if there is none."""
    key_store = find_key_store(connection, name)
    if key_store is None:
        raise NotDoneError(f"there is no key store named {name!r}; list the key stores to see their names")
    return key_store


def _check(key_store: KeyStore) -> None:
    try:
        validate_uri_path(key_store.uri_path)
    except XksError as error:
        raise NotDoneError(f"the path prefix {key_store.path_prefix!r} cannot be used: {error.message}") from error
    if key_store.quota is not None and key_store.quota < 1:
        raise NotDoneError(
            f"a quota of {key_store.quota} requests per second admits none; freeze the key store instead"
        )
    if key_store.quota is not None and key_store.quota > MAXIMUM_QUOTA:
        raise NotDoneError(f"a quota is at most {MAXIMUM_QUOTA} requests per second; leave it out for none")
    for region in key_store.regions:
        if not region or not set(region) <= _NAME_CHARACTERS:
            raise NotDoneError(f"{region!r} is no AWS Region; write it like eu-central-1")


def _check_prefix_is_free(connection: Connection, key_store: KeyStore) -> None:
    holder = connection.scalar(
        select(key_stores.c.name).where(
            key_stores.c.path_prefix == key_store.path_prefix, key_stores.c.name != key_store.name
        )
    )
    if holder is not None:
        raise NotDoneError(f"the path prefix {key_store.path_prefix!r} belongs to key store {holder}; choose another")


def _changeable_columns(key_store: KeyStore) -> dict[str, object]:
    return {
        "path_prefix": key_store.path_prefix,
        "regions": list(key_store.regions),
        "quota": key_store.quota,
        "predecessors": [str(each) for each in key_store.predecessors] or None,
    }


def _differences(before: KeyStore, after: KeyStore) -> dict[str, object]:
    earlier, later = _changeable_columns(before), _changeable_columns(after)
    return {name: {"from": earlier[name], "to": value} for name, value in later.items() if value != earlier[name]}


def _read(row: Row[tuple[object, ...]]) -> KeyStore:
    return KeyStore(
        row.name,
        row.path_prefix,
        tuple(row.regions),
        row.created_at,
        row.quota,
        tuple(parse_predecessor(text) for text in row.predecessors or ()),
    )
