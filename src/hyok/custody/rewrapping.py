"""Pass a storage from one root key to the next, beside running servers, and from any point at which it was interrupted.

1. `begin`: a new KEK under the new root. From here on either root opens the storage, and servers hear of the new KEK
   through the change log.
2. `reseal`: what was sealed under the old KEK is sealed under the new one, some hundred rows in a transaction.
3. `finish`: the old KEK goes, and with it the old root.

Each step is one transaction, or many that are the same done twice; which of them are done can be seen in the storage.
A new KEK and not the old one under a new root, because whoever had the old root and a copy of the storage has the old
KEK, too, and would have all that is sealed later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, Select, Table, bindparam, func, select, tuple_, update

from hyok.clock import Clock
from hyok.custody.errors import IntegrityError
from hyok.custody.keeping import (
    Identity,
    Succession,
    end_succession,
    is_sealed_from_birth,
    kek_context,
    make_succession,
    read_identity,
    read_succession,
    redirect_succession,
    store_succession,
)
from hyok.custody.root_key import RootKey
from hyok.custody.safe import Safe, SafeKey, unlock_safe
from hyok.errors import NotDoneError
from hyok.storage.changes import ChangeKind, record_change
from hyok.storage.engine import Storage

ROWS_AT_ONCE: Final = 200
"""In one transaction: some milliseconds, in which others wait for the lock."""


class SealedColumn(NamedTuple):
    """A column whose values are sealed: where it is, and what each value is bound to."""

    table: Table
    column: str
    query: Select[Any]
    """Gives the table's primary key, the sealed column, and what `place` needs, under the columns' names."""
    place: Callable[[Row[Any]], tuple[str, *tuple[str | int, ...]]]
    """What stands in `Safe.seal` after the plaintext. IntegrityError if the row's words are none of hyok's."""


class Keeping(NamedTuple):
    """Under which roots a storage is kept."""

    store_id: str
    root_key_id: str
    successor_id: str | None
    """The root that takes over, while the storage passes to it."""


class Resealing(NamedTuple):
    """What `reseal` came to."""

    looked_at: int
    resealed: int
    unreadable: tuple[str, ...]
    """Rows that open under neither KEK, in words: they were altered before."""


def describe_keeping(storage: Storage) -> Keeping | None:
    """Tell under which roots a storage is kept; None before its first start."""
    with storage.reading() as connection:
        identity, succession = read_identity(connection), read_succession(connection)
    if identity is None:
        return None
    return Keeping(identity.store_id, identity.root_key_id, None if succession is None else succession.root_key_id)


def count_sealed(storage: Storage, columns: Sequence[SealedColumn]) -> dict[str, int]:
    """Return how many values each table holds sealed; one that holds none is left out."""
    counts: Counter[str] = Counter()
    with storage.reading() as connection:
        for column in columns:
            counts[column.table.name] += (
                connection.scalar(select(func.count()).select_from(column.query.subquery())) or 0
            )
    return {table: count for table, count in counts.items() if count}


def begin(storage: Storage, clock: Clock, *, root: RootKey, successor: RootKey) -> SafeKey:
    """Let a second root open the storage and make the KEK that takes over; what was begun already is taken up.

    Begun for another successor, the new KEK is put under this one: the former then opens nothing any more.
    """
    key = unlock_safe(storage, root)
    identity, was = _read(storage)
    # All that asks a root key is done before the transaction: it may be in an HSM, and others wait to write.
    if was is None:
        succession = make_succession(identity, kek=key.keks[0], root=successor)
    elif _opens(successor, identity, was):
        succession = was
    else:
        succession = redirect_succession(identity, was, kek=key.keks[0], root=successor)
    if succession != was:
        with storage.transaction() as connection:
            if not store_succession(connection, succession, was=was):
                raise _changed_meanwhile(storage)
            record_change(
                connection,
                ChangeKind.ROOT_KEY,
                successor.id,
                at=clock.now(),
                act="pass the storage to",
                details={"from": identity.root_key_id},
            )
    return unlock_safe(storage, successor)


def reseal(
    storage: Storage, safe: Safe, columns: Sequence[SealedColumn], *, report: Callable[[int], None] = lambda _: None
) -> Resealing:
    """Seal everything under the newest KEK, and tell `report` of each transaction how many rows it looked at."""
    looked_at = resealed = 0
    unreadable: list[str] = []
    for column in columns:
        for batch in _batches(storage, safe, column):
            looked_at += batch.looked_at
            resealed += batch.resealed
            unreadable += batch.unreadable
            report(batch.looked_at)
    return Resealing(looked_at, resealed, tuple(unreadable))


def find_unreadable(storage: Storage, safe: Safe, columns: Sequence[SealedColumn]) -> tuple[str, ...]:
    """Open all that is sealed and return what does not open, in words. Only reads."""
    with storage.reading() as connection:
        return tuple(finding for column in columns for finding in _unreadable_in(connection, safe, column))


def _unreadable_in(connection: Connection, safe: Safe, column: SealedColumn) -> Iterator[str]:
    try:
        for row in connection.execute(column.query, execution_options={"yield_per": 1000}):
            sealed = row._mapping[column.column]
            if sealed is not None or is_sealed_from_birth(safe.store_id):
                yield from _unreadable(safe, column, row, sealed)
    except (TypeError, ValueError) as error:
        yield f"the table {column.table.name} holds a value that hyok never wrote ({error}); restore it from a backup"


def _unreadable(safe: Safe, column: SealedColumn, row: Row[Any], sealed: bytes) -> Iterator[str]:
    try:
        safe.open(sealed, *column.place(row))
    except IntegrityError as error:
        yield str(error)


def finish(storage: Storage, clock: Clock, *, root: RootKey, left_unreadable: int = 0) -> str:
    """Let the old KEK and with it the old root go; returns the old root's id.

    To be called when `reseal` has come to its end, with how many values it left as they were. NotDoneError if nothing
    was begun, or `root` is the old one.
    """
    identity, succession = _read(storage)
    if succession is None:
        raise NotDoneError(
            f"the storage {storage.location} is kept under root key {identity.root_key_id} alone; nothing to retire"
        )
    if not _opens(root, identity, succession):
        raise NotDoneError(
            f"the configuration names the root key that is to be retired ({identity.root_key_id}); let it name "
            f"{succession.root_key_id}, restart what serves from this storage, then retire the other"
        )
    with storage.transaction() as connection:
        if not end_succession(connection, succession):
            raise _changed_meanwhile(storage)
        record_change(
            connection,
            ChangeKind.ROOT_KEY,
            identity.root_key_id,
            at=clock.now(),
            act="retire",
            details={"successor": succession.root_key_id, "left_unreadable": left_unreadable},
        )
    return identity.root_key_id


class _Batch(NamedTuple):
    looked_at: int
    resealed: int
    unreadable: list[str]


def _batches(storage: Storage, safe: Safe, column: SealedColumn) -> Iterator[_Batch]:
    key_columns = list(column.table.primary_key.columns)
    last: tuple[object, ...] | None = None
    while True:
        query = column.query.order_by(*key_columns).limit(ROWS_AT_ONCE)
        if last is not None:
            query = query.where(tuple_(*key_columns) > last)
        with storage.transaction() as connection:
            rows = connection.execute(query).all()
            batch = _reseal_rows(connection, safe, column, rows)
        if not rows:
            return
        yield batch
        last = tuple(rows[-1]._mapping[key_column.name] for key_column in key_columns)


def _reseal_rows(connection: Connection, safe: Safe, column: SealedColumn, rows: Sequence[Row[Any]]) -> _Batch:
    key_columns = list(column.table.primary_key.columns)
    resealed: list[dict[str, object]] = []
    unreadable: list[str] = []
    for row in rows:
        if row._mapping[column.column] is None:
            continue  # of a time when such rows had no seal
        try:
            sealed = safe.reseal(row._mapping[column.column], *column.place(row))
        except IntegrityError as error:
            unreadable.append(str(error))
            continue
        if sealed is not None:
            place = {f"this_{key_column.name}": row._mapping[key_column.name] for key_column in key_columns}
            resealed.append({**place, "resealed": sealed})
    if resealed:
        this_row = [key_column == bindparam(f"this_{key_column.name}") for key_column in key_columns]
        change = update(column.table).where(*this_row).values({column.column: bindparam("resealed")})
        connection.execute(change, resealed)  # all in one go: ten times as fast as one by one
    return _Batch(len(rows), len(resealed), unreadable)


def _opens(root: RootKey, identity: Identity, succession: Succession) -> bool:
    """Tell whether this is the root that takes over. CustodyError if it may be, and cannot be used now."""
    if not root.may_be(succession.root_key_id):
        return False
    try:
        root.unwrap(succession.wrapped_kek, kek_context(identity.store_id))
    except IntegrityError:
        return False
    return True


def _read(storage: Storage) -> tuple[Identity, Succession | None]:
    with storage.reading() as connection:
        identity, succession = read_identity(connection), read_succession(connection)
    if identity is None:
        raise NotDoneError("the storage has never been started: it is kept under no root key yet")
    return identity, succession


def _changed_meanwhile(storage: Storage) -> NotDoneError:
    return NotDoneError(
        f"another command has just changed under which root key the storage {storage.location} is kept; nothing was "
        "changed: see `hyok root show`, and run this again if it is still to be done"
    )
