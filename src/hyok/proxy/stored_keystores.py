"""Read key stores from the storage: all of them at the start, and from then on those that the change log names.

What cannot be trusted is reported and left out: it refuses access and does not keep others from serving.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Select, Table, select, tuple_

from hyok.custody.credentials import CredentialPlace, open_credential
from hyok.custody.errors import IntegrityError
from hyok.custody.safe import Safe
from hyok.proxy.authorization.facts import Organizations
from hyok.proxy.authorization.first_use import Binding
from hyok.proxy.authorization.stored_policies import read_key_store_policies
from hyok.proxy.keystores import Credential, ExternalKey, ExternalKeys, KeyStore, KeyStoreDirectory
from hyok.proxy.predecessors import AadLayout, PredecessorError, parse_predecessor
from hyok.quota import Quota
from hyok.quota_table import QuotaTable
from hyok.sigv4.signing import SigningKeys
from hyok.storage.changes import Change, ChangeKind
from hyok.storage.engine import Storage
from hyok.storage.schema import credentials, external_key_copies, external_keys, first_use_bindings, key_stores

_PARAMETERS_AT_ONCE: Final = 400
"""Twice this is still below SQLite's limit for one statement."""
_FIRST_POSITION: Final = 0
"""Of the copy that stands in the external key's own row."""
_OF_KEY_STORES: Final = (ChangeKind.KEY_STORE, ChangeKind.CREDENTIAL, ChangeKind.POLICY)
"""The changes after which a key store is read anew; its external keys stay."""
_LOGGER: Final = logging.getLogger(__name__)


class StoredKeyStores:
    """Keeps a directory as the storage has it."""

    def __init__(
        self,
        storage: Storage,
        safe: Safe,
        *,
        quotas: QuotaTable | None = None,
        organizations: Organizations | None = None,
    ) -> None:
        """Read all key stores, which blocks: called at start. Processes with the same `quotas` share each quota."""
        self._storage = storage
        self._safe = safe
        self._quotas = QuotaTable() if quotas is None else quotas
        self._organizations = organizations or {}
        with storage.reading() as connection:
            self.directory = KeyStoreDirectory(self._read_key_stores(connection, None))
            for name, key in _read_external_keys(connection, None):
                self._put_key(name, key)

    async def apply(self, changes: Sequence[Change]) -> None:
        """Read again what changed; other changes do not concern the proxy. HyokError if that is not possible."""
        names = {change.subject for change in changes if change.kind in _OF_KEY_STORES}
        places = {_place_of(change) for change in changes if change.kind is ChangeKind.EXTERNAL_KEY}
        if not names and not places:
            return
        found_stores, found_keys = await self._storage.read(
            lambda connection: (
                {key_store.name: key_store for key_store in self._read_key_stores(connection, names)},
                {_Place(name, key.id): key for name, key in _read_external_keys(connection, places)},
            )
        )
        # On the loop from here to the end, so that no request sees half of it.
        self.directory.replace({name: self._with_what_stays(found_stores.get(name)) for name in names})
        for place in places:
            key = found_keys.get(place)
            if key is not None:
                self._put_key(place.key_store, key)
            elif (key_store := self.directory.named(place.key_store)) is not None:
                key_store.external_keys.remove(place.key_id)

    def _read_key_stores(self, connection: Connection, names: Collection[str] | None) -> list[KeyStore]:
        query = select(key_stores)
        if names is not None:
            query = query.where(key_stores.c.name.in_(names))
        try:
            rows = connection.execute(query).all()
        except (TypeError, ValueError) as error:
            raise IntegrityError(
                f"the table key_stores holds a value that hyok never wrote ({error}): a row was edited by somebody "
                "else; restore it from a backup"
            ) from error
        return [key_store for row in rows if (key_store := self._read_key_store(connection, row)) is not None]

    def _read_key_store(self, connection: Connection, row: Any) -> KeyStore | None:  # the columns are the table's
        try:
            return KeyStore(
                name=row.name,
                path_prefix=row.path_prefix,
                regions=frozenset(region.encode() for region in row.regions),
                credentials=_read_credentials(connection, self._safe, row.name),
                external_keys=ExternalKeys(),
                created_at=row.created_at,
                predecessors=_read_predecessors(row.name, row.predecessors),
                quota=None if row.quota is None else Quota(row.quota, self._quotas.bucket(row.name)),
                policies=read_key_store_policies(connection, self._safe, row.name, self._organizations),
            )
        except (TypeError, ValueError, AttributeError) as error:
            _LOGGER.error("key store %s is left out: its row was edited, and not by hyok (%s)", row.name, error)
            return None

    def _with_what_stays(self, key_store: KeyStore | None) -> KeyStore | None:
        # The keys come by changes of their own; one that was deleted and made anew must not inherit the old ones.
        known = self.directory.named(key_store.name) if key_store else None
        if key_store is None or known is None or known.created_at != key_store.created_at:
            return key_store
        return replace(key_store, external_keys=known.external_keys)

    def _put_key(self, key_store_name: str, key: ExternalKey) -> None:
        key_store = self.directory.named(key_store_name)
        if key_store is not None:
            key_store.external_keys.put(key)


class _Place(NamedTuple):
    key_store: str
    key_id: str


def _place_of(change: Change) -> _Place:
    name, _, key_id = change.subject.partition("/")
    return _Place(name, key_id)


def _read_predecessors(name: str, texts: list[str] | None) -> dict[bytes, tuple[AadLayout, ...]]:
    found: dict[bytes, tuple[AadLayout, ...]] = {}
    for text in texts or ():
        try:
            predecessor = parse_predecessor(text)
        except PredecessorError as error:
            _LOGGER.error("key store %s does not read what its predecessor %r wrote: %s", name, text, error)
        else:
            layouts = found.get(predecessor.ciphertext_metadata, ())
            found[predecessor.ciphertext_metadata] = (*layouts, predecessor.layout)
    return found


def _read_credentials(connection: Connection, safe: Safe, key_store: str) -> dict[bytes, Credential]:
    rows = connection.execute(
        select(credentials.c.access_key_id, credentials.c.sealed_secret, credentials.c.created_at).where(
            credentials.c.key_store == key_store, credentials.c.retired_at.is_(None)
        )
    )
    found: dict[bytes, Credential] = {}
    for access_key_id, sealed_secret, created_at in rows:
        place = CredentialPlace(key_store, access_key_id, is_active=True)
        try:
            secret = open_credential(safe, sealed_secret, place)
        except IntegrityError as error:
            _LOGGER.error("credential %s of key store %s is left out: %s", access_key_id, key_store, error)
        else:
            found[access_key_id.encode()] = Credential(access_key_id, SigningKeys(secret), created_at)
    return found


def _read_external_keys(connection: Connection, places: Collection[_Place] | None) -> Iterator[tuple[str, ExternalKey]]:
    table = external_keys.c
    query = select(table.key_store, table.external_key_id, table.key_manager, table.manager_key_id)
    further = _read_copies(connection, places)
    bindings = _read_bindings(connection, places)
    for name, key_id, key_manager, manager_key_id in _rows_at(connection, query, external_keys, places):
        key = ExternalKey(key_id, key_manager, manager_key_id)
        if bindings and (place := _Place(name, key_id)) in bindings:
            key.binding = Binding(bindings[place] or "")
        if further and (copies := further.get(_Place(name, key_id))) is not None:
            in_order = sorted([(_FIRST_POSITION, key), *copies], key=lambda each: each[0])
            key.copies = tuple(copy for _, copy in in_order)
        yield name, key


def _read_copies(
    connection: Connection, places: Collection[_Place] | None
) -> dict[_Place, list[tuple[int, ExternalKey]]]:
    table = external_key_copies.c
    query = select(
        table.key_store, table.external_key_id, table.number, table.position, table.key_manager, table.manager_key_id
    )
    found: dict[_Place, list[tuple[int, ExternalKey]]] = {}
    for row in _rows_at(connection, query, external_key_copies, places):
        copy = ExternalKey(row.external_key_id, row.key_manager, row.manager_key_id, copy=row.number)
        found.setdefault(_Place(row.key_store, row.external_key_id), []).append((row.position, copy))
    return found


def _read_bindings(connection: Connection, places: Collection[_Place] | None) -> dict[_Place, str | None]:
    table = first_use_bindings.c
    query = select(table.key_store, table.external_key_id, table.kms_key_arn)
    rows = _rows_at(connection, query, first_use_bindings, places)
    return {_Place(row.key_store, row.external_key_id): row.kms_key_arn for row in rows}


def _rows_at(
    connection: Connection,
    query: Select[Any],  # of any columns: whoever asks knows them
    table: Table,
    places: Collection[_Place] | None,
) -> Iterator[Any]:
    """Yield the rows of some external keys, or of all."""
    if places is None:
        queries = [query]
    else:
        ordered = sorted(places)
        queries = [
            query.where(
                tuple_(table.c.key_store, table.c.external_key_id).in_(ordered[start : start + _PARAMETERS_AT_ONCE])
            )
            for start in range(0, len(ordered), _PARAMETERS_AT_ONCE)
        ]
    for each in queries:
        yield from connection.execute(each, execution_options={"yield_per": 10_000})
