"""Seals over the rows that say what a KMS key is and who may use it: a row that was edited or swapped is found out.

`sealed_row` holds nothing, sealed by the storage's safe for the place that the rest of the row is. Left out are columns
that are null, so that a later schema may add some, and those that are sealed: each of them is bound to its place by
itself. A row that is gone, and an earlier state of a row put back with its seal, are not found out so; the anchor finds
an older copy of the whole storage.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Double, LargeBinary, RowMapping, Select, Table, bindparam, null, select, update

from hyok.custody.errors import IntegrityError
from hyok.custody.keeping import is_sealed_from_birth
from hyok.custody.rewrapping import SealedColumn
from hyok.custody.safe import Safe
from hyok.storage.engine import Storage
from hyok.storage.schema import aliases, backing_keys, custom_key_stores, grants, keys

_SEAL: Final = "sealed_row"
_TABLES: Final = (keys, backing_keys, aliases, grants, custom_key_stores)
_log: Final = logging.getLogger(__name__)


def read_rows(connection: Connection, query: Select[Any], table: Table) -> Sequence[RowMapping]:
    """Read the rows of a table. IntegrityError if one holds what cannot even be read: SQLite keeps what it is given."""
    try:
        return connection.execute(query).mappings().all()
    except (TypeError, ValueError) as error:
        raise IntegrityError(
            f"the table {table.name} holds a value that hyok never wrote ({error}): a row was edited by somebody else; "
            "restore it from a backup"
        ) from error


class RowSeals:
    """Makes and checks the seals of one storage's rows."""

    def __init__(self, safe: Safe) -> None:
        self._safe = safe

    def sealed(self, table: Table, row: Mapping[Any, Any]) -> dict[str, object]:
        """Return a row to write, whole, with its seal."""
        return {**row, _SEAL: self._safe.seal(b"", *_place(table, row))}

    def check(self, table: Table, row: Mapping[Any, Any]) -> None:
        """Return if a row is as hyok wrote it. IntegrityError, naming it."""
        try:
            for name in _BOUND[table].sealed:
                if not isinstance(row[name], bytes):
                    raise IntegrityError(f"{name} holds no bytes")
            self._safe.open(row[_SEAL], *_place(table, row))
        except (IntegrityError, TypeError, ValueError) as error:
            raise IntegrityError(
                f"the row {_name_of(table, row)} of the table {table.name} is not as hyok wrote it: it was edited, "
                "swapped, or put there by somebody else; restore it from a backup and restart the KMS service"
            ) from error

    def told_apart(self, table: Table, rows: Iterable[RowMapping]) -> tuple[list[RowMapping], list[RowMapping]]:
        """Return the rows that are as hyok wrote them, and those that are not, which the log names."""
        intact: list[RowMapping] = []
        altered: list[RowMapping] = []
        for row in rows:
            try:
                self.check(table, row)
                intact.append(row)
            except IntegrityError as error:
                _log.error("%s; until then it counts for nothing", error)
                altered.append(row)
        return intact, altered


def seal_rows_of_older_storage(storage: Storage, safe: Safe) -> None:
    """Seal the rows that a hyok wrote which did not do so yet; in a storage that was never without, there are none."""
    if is_sealed_from_birth(safe.store_id):
        return
    seals = RowSeals(safe)
    with storage.transaction() as connection:
        for table in _TABLES:
            rows = connection.execute(select(table).where(table.c[_SEAL].is_(null()))).mappings().all()
            if not rows:
                continue
            _log.warning("%d rows of the table %s had no seal yet and got one as they are", len(rows), table.name)
            this_row = [table.c[name] == bindparam(f"this_{name}") for name in _BOUND[table].key]
            connection.execute(
                update(table).where(*this_row).values({_SEAL: bindparam("seal")}),
                [
                    {f"this_{name}": row[name] for name in _BOUND[table].key}
                    | {"seal": seals.sealed(table, row)[_SEAL]}
                    for row in rows
                ],
            )


def sealed_row_columns() -> Iterator[SealedColumn]:
    """Return the column of seals of each table, for a change of the root key."""
    return map(_sealed_column, _TABLES)


def _sealed_column(table: Table) -> SealedColumn:
    return SealedColumn(table, _SEAL, select(table), lambda row: _place(table, row._mapping))


_encode: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


class _Bound(NamedTuple):
    """What of a table's rows a seal is bound to."""

    names: tuple[str, ...]
    """Of its columns, sorted, without those that are sealed."""
    instants: frozenset[str]
    """Those of them that hold fractions."""
    key: tuple[str, ...]
    sealed: tuple[str, ...]
    """The columns that are sealed, this seal among them."""


def _bound(table: Table) -> _Bound:
    columns = [column for column in table.columns if not isinstance(column.type, LargeBinary)]
    return _Bound(
        tuple(sorted(column.name for column in columns)),
        frozenset(column.name for column in columns if isinstance(column.type, Double)),
        tuple(column.name for column in table.primary_key.columns),
        tuple(column.name for column in table.columns if isinstance(column.type, LargeBinary)),
    )


_BOUND: Final = {table: _bound(table) for table in _TABLES}


def _place(table: Table, row: Mapping[Any, Any]) -> tuple[str, str, str, str]:
    names, instants, *_ = _BOUND[table]
    content: dict[str, object] = {}
    for name in names:
        value = row[name]
        if value is not None:
            # A whole number of seconds comes back from the database as 5.0, whatever it was before.
            content[name] = float(value) if name in instants else value
    # Its hash, because errors name a place, and a policy has 32 KB.
    return table.name, _SEAL, _name_of(table, row), sha256(_encode(content).encode()).hexdigest()


def _name_of(table: Table, row: Mapping[Any, Any]) -> str:
    return "/".join([str(row[name]) for name in _BOUND[table].key])
