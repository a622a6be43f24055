"""A KMS storage with many ordinary keys in it, made faster than by as many calls."""

from __future__ import annotations

import os
import time
import uuid
from contextlib import closing
from pathlib import Path

from sqlalchemy import Table, insert

from benchmarks.sides import Sides
from hyok.custody.file_root import open_file_root
from hyok.custody.safe import Safe, open_safe
from hyok.kms.backing_keys import place_of_backing_key
from hyok.kms.row_seals import RowSeals
from hyok.storage.engine import open_storage
from hyok.storage.schema import Side, backing_keys, keys

_ACCOUNT = "123456789012"
_REGION = "eu-central-1"


def stock(sides: Sides, count: int) -> list[str]:
    """Put that many keys into the KMS's storage while nobody serves from it; returns their ids."""
    key_ids = [str(uuid.uuid4()) for _ in range(count)]
    with closing(open_storage(f"sqlite:///{sides.kms / 'kms.db'}", Side.KMS)) as storage:
        safe = open_safe(storage, open_file_root(Path(sides.kms / "root.key")))
        material = [safe.seal(os.urandom(32), *place_of_backing_key(_arn(key_id), 1, None, None)) for key_id in key_ids]
        now = time.time()
        with storage.transaction() as connection:
            connection.execute(insert(keys), [_sealed(safe, keys, _key(key_id, now)) for key_id in key_ids])
            connection.execute(
                insert(backing_keys),
                [
                    _sealed(
                        safe,
                        backing_keys,
                        {"key_id": key_id, "number": 1, "sealed_material": sealed, "created_at": now},
                    )
                    for key_id, sealed in zip(key_ids, material, strict=True)
                ],
            )
    return key_ids


def _sealed(safe: Safe, table: Table, row: dict[str, object]) -> dict[str, object]:
    return RowSeals(safe).sealed(table, dict.fromkeys(table.columns.keys()) | row)


def _arn(key_id: str) -> str:
    return f"arn:aws:kms:{_REGION}:{_ACCOUNT}:key/{key_id}"


def _key(key_id: str, now: float) -> dict[str, object]:
    return {
        "key_id": key_id,
        "account": _ACCOUNT,
        "region": _REGION,
        "arn": _arn(key_id),
        "description": "",
        "state": "Enabled",
        "origin": "AWS_KMS",
        "created_at": now,
        "tags": [],
        "current_backing_number": 1,
    }
