"""KMS keys, backing keys and aliases in the KMS side's storage: all SQL about them. Grants: `grant_repository.py`.

Each write is one transaction with its entry in the change log, and applies only to the row that memory knows. Blocking:
the loop goes through `Storage.run`.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from sys import intern
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    RowMapping,
    Select,
    and_,
    delete,
    insert,
    select,
    tuple_,
    update,
)

from hyok.errors import HyokError
from hyok.kms.backing_keys import FIRST_NUMBER, SealedBackingKey
from hyok.kms.key_names import alias_arn
from hyok.kms.row_seals import RowSeals, read_rows
from hyok.kms.values import (
    Alias,
    AutomaticRotation,
    ExternalKeyReference,
    KeyState,
    KmsKey,
    Origin,
    RotationType,
    Tag,
)
from hyok.storage.changes import ChangeKind, record_change
from hyok.storage.schema import aliases, backing_keys, grants, keys

_log: Final = logging.getLogger(__name__)


class StaleMemoryError(HyokError):
    """A row is not as this process has it in memory, and the change log does not tell why."""


class StoredKeys(NamedTuple):
    """What the storage knows about keys."""

    keys: tuple[KmsKey, ...]
    backing_keys: tuple[SealedBackingKey, ...]
    aliases: tuple[Alias, ...]
    altered: frozenset[str]
    """The key ids, key ARNs and alias ARNs of rows that are not as hyok wrote them; such a row is in no other field."""


def load_keys(connection: Connection, seals: RowSeals) -> StoredKeys:
    """Read everything, once, at start. Sorted, because sorted lists are made of it."""
    return _read(
        connection,
        seals,
        select(keys).order_by(keys.c.key_id),
        select(backing_keys),
        select(aliases).order_by(aliases.c.name),
    )


def read_keys(
    connection: Connection,
    seals: RowSeals,
    *,
    key_ids: Collection[str],
    alias_places: Collection[tuple[str, str, str]],
) -> StoredKeys:
    """Read some keys with all their backing keys, and some aliases by account, Region and name.

    Those that are not there are left out.
    """
    columns = tuple_(aliases.c.account, aliases.c.region, aliases.c.name)
    return _read(
        connection,
        seals,
        select(keys).where(keys.c.key_id.in_(key_ids)),
        select(backing_keys).where(backing_keys.c.key_id.in_(key_ids)),
        select(aliases).where(columns.in_(list(alias_places))),
    )


def insert_key(connection: Connection, seals: RowSeals, key: KmsKey, backing_key: SealedBackingKey) -> None:
    """Write a new key together with its first backing key. StorageError if its external key is already tied."""
    connection.execute(insert(keys), seals.sealed(keys, _row_of_key(key)))
    connection.execute(insert(backing_keys), seals.sealed(backing_keys, _row_of_backing_key(backing_key)))
    record_change(connection, ChangeKind.KEY, key.key_id, at=backing_key.created_at)


def update_key(connection: Connection, seals: RowSeals, key: KmsKey, *, was: KmsKey, at: float) -> None:
    """Write a key's new state in the place of the one it had. StaleMemoryError if it has another by now."""
    changed = connection.execute(update(keys).where(_is_as_known(was)), seals.sealed(keys, _row_of_key(key)))
    _require_one(changed, key.arn)
    record_change(connection, ChangeKind.KEY, key.key_id, at=at)


def rotate_key(
    connection: Connection, seals: RowSeals, key: KmsKey, backing_key: SealedBackingKey, *, was: KmsKey, at: float
) -> None:
    """Write a key's new backing key and that it is the current one. StaleMemoryError if its state is another by now."""
    connection.execute(insert(backing_keys), seals.sealed(backing_keys, _row_of_backing_key(backing_key)))
    update_key(connection, seals, key, was=was, at=at)


def delete_key(connection: Connection, key: KmsKey, *, at: float) -> None:
    """Delete a key, its aliases, grants and all its material. StaleMemoryError if its state is another by now.

    The sealed material is overwritten first; the storage's `secure_delete` then clears what the row leaves behind.
    """
    connection.execute(update(backing_keys).where(backing_keys.c.key_id == key.key_id), {"sealed_material": _NOTHING})
    connection.execute(delete(backing_keys).where(backing_keys.c.key_id == key.key_id))
    connection.execute(delete(aliases).where(aliases.c.target_key_id == key.key_id))
    connection.execute(delete(grants).where(grants.c.key_id == key.key_id))
    _require_one(connection.execute(delete(keys).where(_is_as_known(key))), key.arn)
    record_change(connection, ChangeKind.KEY, key.key_id, at=at)


def insert_alias(connection: Connection, seals: RowSeals, alias: Alias) -> None:
    """Write a new alias. StorageError if the name is taken or the key is gone."""
    connection.execute(insert(aliases), seals.sealed(aliases, _row_of_alias(alias)))
    _record_alias(connection, alias, at=alias.created_at)


def update_alias(connection: Connection, seals: RowSeals, alias: Alias, *, was: Alias) -> None:
    """Point an alias at another key. StaleMemoryError if it does not point at the one it did."""
    row = seals.sealed(aliases, _row_of_alias(alias))
    _require_one(connection.execute(update(aliases).where(_points_as_known(was)), row), alias.arn)
    _record_alias(connection, alias, at=alias.updated_at)


def delete_alias(connection: Connection, alias: Alias, *, at: float) -> None:
    """Delete an alias. StaleMemoryError if it does not point at the key it did."""
    _require_one(connection.execute(delete(aliases).where(_points_as_known(alias))), alias.arn)
    _record_alias(connection, alias, at=at)


_NOTHING: Final = bytes(61)
"""As long as 32 bytes of sealed material, so that it takes the same place in the file."""


def _read(
    connection: Connection,
    seals: RowSeals,
    of_keys: Select[Any],
    of_backing_keys: Select[Any],
    of_aliases: Select[Any],
) -> StoredKeys:
    key_rows, altered_keys = seals.told_apart(keys, read_rows(connection, of_keys, keys))
    backing_rows, _ = seals.told_apart(backing_keys, read_rows(connection, of_backing_keys, backing_keys))
    alias_rows, altered_aliases = seals.told_apart(aliases, read_rows(connection, of_aliases, aliases))
    found = tuple(map(_key_of, key_rows))
    material = tuple(map(_backing_key_of, backing_rows))
    return StoredKeys(
        found,
        material + _without_material(found, material),
        tuple(map(_alias_of, alias_rows)),
        frozenset(
            [row[name] for row in altered_keys for name in ("key_id", "arn")]
            + [alias_arn(row["account"], row["region"], row["name"]) for row in altered_aliases]
        ),
    )


def _without_material(found: Sequence[KmsKey], material: Sequence[SealedBackingKey]) -> tuple[SealedBackingKey, ...]:
    """Return the backing keys that must be there and are not, as such that do not open: no ciphertext is called wrong.

    One whose row was altered is reported by now, and one whose row is gone here.
    """
    there = {(backing_key.key_id, backing_key.number) for backing_key in material}
    missing = [
        SealedBackingKey(key.key_id, number, b"", key.created_at, None)
        for key in found
        for number in range(FIRST_NUMBER, key.backing_key + 1)
        if (key.key_id, number) not in there
    ]
    for key_id, number, *_ in missing:
        _log.error("the KMS key %s has no backing key %d that can be trusted; restore it from a backup", key_id, number)
    return tuple(missing)


def _is_as_known(key: KmsKey) -> ColumnElement[bool]:
    return and_(
        keys.c.key_id == key.key_id,
        keys.c.state == key.state.value,
        keys.c.current_backing_number == key.backing_key,
        keys.c.deletion_at.is_(None) if key.deletion_date is None else keys.c.deletion_at == key.deletion_date,
    )


def _points_as_known(alias: Alias) -> ColumnElement[bool]:
    return and_(
        aliases.c.account == alias.account,
        aliases.c.region == alias.region,
        aliases.c.name == alias.name,
        aliases.c.target_key_id == alias.key_id,
    )


def _require_one(result: CursorResult[tuple[()]], arn: str) -> None:
    if result.rowcount != 1:
        raise StaleMemoryError(
            f"{arn} was changed in the storage, and not by hyok ({result.rowcount} rows matched, 1 expected); restore "
            "it from a backup and restart the KMS service, which then names every row that somebody else edited"
        )


def _record_alias(connection: Connection, alias: Alias, *, at: float) -> None:
    record_change(connection, ChangeKind.ALIAS, f"{alias.account}/{alias.region}/{alias.name}", at=at)


def _row_of_key(key: KmsKey) -> dict[str, object]:
    store_id, xks_key_id = key.external_key or (None, None)
    period_days, next_at = key.rotation or (None, None)
    return {
        "key_id": key.key_id,
        "account": key.account,
        "region": key.region,
        "arn": key.arn,
        "description": key.description,
        "state": key.state.value,
        "origin": key.origin.value,
        "custom_key_store_id": store_id,
        "xks_key_id": xks_key_id,
        "created_at": key.created_at,
        "deletion_at": key.deletion_date,
        "policy": key.policy,
        "tags": [[tag.key, tag.value] for tag in key.tags],
        "current_backing_number": key.backing_key,
        "rotation_period_days": period_days,
        "next_rotation_at": next_at,
    }


def _key_of(row: RowMapping) -> KmsKey:
    store_id, xks_key_id = row["custom_key_store_id"], row["xks_key_id"]
    period_days, next_at = row["rotation_period_days"], row["next_rotation_at"]
    return KmsKey(
        account=intern(row["account"]),
        region=intern(row["region"]),
        key_id=row["key_id"],
        arn=row["arn"],
        description=row["description"],
        origin=Origin(row["origin"]),
        state=KeyState(row["state"]),
        created_at=row["created_at"],
        deletion_date=row["deletion_at"],
        backing_key=row["current_backing_number"],
        external_key=None if store_id is None else ExternalKeyReference(store_id, xks_key_id),
        policy=None if row["policy"] is None else intern(row["policy"]),
        tags=tuple(Tag(name, value) for name, value in row["tags"] or ()),
        rotation=None if period_days is None else AutomaticRotation(period_days, next_at),
    )


def _row_of_backing_key(backing_key: SealedBackingKey) -> dict[str, object]:
    rotation_type = backing_key.rotation_type
    return backing_key._asdict() | {"rotation_type": None if rotation_type is None else rotation_type.value}


def _backing_key_of(row: RowMapping) -> SealedBackingKey:
    rotation_type = row["rotation_type"]
    return SealedBackingKey(
        row["key_id"],
        row["number"],
        row["sealed_material"],
        row["created_at"],
        None if rotation_type is None else RotationType(rotation_type),
    )


def _row_of_alias(alias: Alias) -> dict[str, object]:
    return {
        "account": alias.account,
        "region": alias.region,
        "name": alias.name,
        "target_key_id": alias.key_id,
        "created_at": alias.created_at,
        "updated_at": alias.updated_at,
    }


def _alias_of(row: RowMapping) -> Alias:
    account, region, name = row["account"], row["region"], row["name"]
    return Alias(
        account=account,
        region=region,
        name=name,
        arn=alias_arn(account, region, name),
        key_id=row["target_key_id"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
