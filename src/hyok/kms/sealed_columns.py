"""All sealed columns of the KMS's storage, for a change of the root key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select

from hyok.custody.rewrapping import SealedColumn
from hyok.kms.backing_keys import place_of_backing_key
from hyok.kms.principal_repository import place_of_secret
from hyok.kms.row_seals import sealed_row_columns
from hyok.kms.store_repository import place_of_credential
from hyok.storage.schema import backing_keys, custom_key_stores, keys, principals

SEALED_COLUMNS: Final[Sequence[SealedColumn]] = (
    SealedColumn(
        backing_keys,
        "sealed_material",
        select(
            backing_keys.c.key_id,
            backing_keys.c.number,
            backing_keys.c.sealed_material,
            keys.c.arn,
            keys.c.custom_key_store_id,
            keys.c.xks_key_id,
        ).join_from(backing_keys, keys),
        lambda row: place_of_backing_key(row.arn, row.number, row.custom_key_store_id, row.xks_key_id),
    ),
    SealedColumn(
        custom_key_stores,
        "sealed_secret",
        select(custom_key_stores.c.id, custom_key_stores.c.access_key_id, custom_key_stores.c.sealed_secret),
        lambda row: place_of_credential(row.id, row.access_key_id),
    ),
    SealedColumn(principals, "sealed_secret", select(principals), lambda row: place_of_secret(row._mapping)),
    *sealed_row_columns(),
)
