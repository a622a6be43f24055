"""Keep keys, aliases and grants in memory as the storage has them, whichever process changed them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection

from hyok.kms.backing_keys import BackingKeys
from hyok.kms.grant_index import GrantIndex
from hyok.kms.grant_repository import read_grants
from hyok.kms.grant_values import Grant
from hyok.kms.key_index import KeyIndex
from hyok.kms.key_names import alias_arn
from hyok.kms.repository import StoredKeys, read_keys
from hyok.kms.row_seals import RowSeals
from hyok.storage.changes import Change, ChangeKind
from hyok.storage.engine import Storage


class _Named(NamedTuple):
    """What some changes are about."""

    keys: Collection[str]
    aliases: Collection[tuple[str, str, str]]
    """Account, Region and name of each."""
    grants: Collection[str]


class StoredKeySpace:
    """Takes changes of keys, aliases and grants into memory; what is there already is left as it is."""

    def __init__(
        self, storage: Storage, seals: RowSeals, *, index: KeyIndex, backing_keys: BackingKeys, grants: GrantIndex
    ) -> None:
        self._storage = storage
        self._seals = seals
        self._index = index
        self._backing_keys = backing_keys
        self._grants = grants

    async def apply(self, changes: Sequence[Change]) -> None:
        """Read again what changed. StorageError if that is not possible."""
        named = _named_in(changes)
        if any(named):
            self._take_in(named, *await self._storage.read(partial(_read, seals=self._seals, named=named)))

    def _take_in(self, named: _Named, stored: StoredKeys, grants: Sequence[Grant]) -> None:
        # What is gone goes first: its external key or its name may be another's by now.
        self._forget(named, stored, grants)
        for backing_key in stored.backing_keys:
            self._backing_keys.add(backing_key)
        for key in stored.keys:
            self._index.put_key(key)
        for alias in stored.aliases:
            self._index.put_alias(alias)
        self._index.note_altered(stored.altered)
        for grant in grants:
            if self._grants.grant(grant.grant_id) is None:
                self._grants.put(grant)

    def _forget(self, named: _Named, stored: StoredKeys, grants: Sequence[Grant]) -> None:
        for grant_id in set(named.grants) - {grant.grant_id for grant in grants}:
            if grant := self._grants.grant(grant_id):
                self._grants.drop(grant)
        for arn in {alias_arn(*place) for place in named.aliases} - {alias.arn for alias in stored.aliases}:
            if alias := self._index.alias(arn):
                self._index.drop_alias(alias)
        for key_id in set(named.keys) - {key.key_id for key in stored.keys}:
            self._backing_keys.forget(key_id)
            if key := self._index.key(key_id):
                self._index.drop_key(key)
                self._grants.drop_grants_of(key_id)


def _named_in(changes: Sequence[Change]) -> _Named:
    def subjects(kind: ChangeKind) -> set[str]:
        return {change.subject for change in changes if change.kind is kind}

    places = (subject.split("/", 2) for subject in subjects(ChangeKind.ALIAS))
    return _Named(
        subjects(ChangeKind.KEY),
        {(account, region, name) for account, region, name in places},
        {subject.partition("/")[2] for subject in subjects(ChangeKind.GRANT)},
    )


def _read(connection: Connection, seals: RowSeals, named: _Named) -> tuple[StoredKeys, Sequence[Grant]]:
    stored = read_keys(connection, seals, key_ids=named.keys, alias_places=named.aliases)
    return stored, read_grants(connection, seals, named.grants)
