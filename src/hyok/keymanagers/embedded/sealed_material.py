"""The sealed column of the embedded key manager, for a change of the root key."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Row, select

from hyok.custody.rewrapping import SealedColumn
from hyok.keymanagers.embedded.material import VersionPlace, place_of_material, read_row
from hyok.storage.schema import embedded_key_versions, embedded_keys


def _place(row: Row[Any]) -> tuple[str, *tuple[str | int, ...]]:
    key = read_row(
        row.key_id,
        usages=row.usages,
        state=row.state,
        active_version=row.active_version,
        deletion_at=row.deletion_at,
    )
    return place_of_material(key, VersionPlace(row.number, row.encryptions_leased))


SEALED_MATERIAL: Final = SealedColumn(
    embedded_key_versions,
    "sealed_material",
    select(
        embedded_key_versions.c.key_id,
        embedded_key_versions.c.number,
        embedded_key_versions.c.encryptions_leased,
        embedded_key_versions.c.sealed_material,
        embedded_keys.c.usages,
        embedded_keys.c.state,
        embedded_keys.c.active_version,
        embedded_keys.c.deletion_at,
    ).join_from(embedded_key_versions, embedded_keys),
    _place,
)
