"""The key that signs the audit trail: made once, sealed in the holder's storage, opened by whoever writes a log."""

from __future__ import annotations

import os
from typing import Final

from sqlalchemy import Connection, insert, select

from hyok.audit.notes import Signer, VerificationKey
from hyok.clock import Clock
from hyok.custody.errors import IntegrityError
from hyok.custody.rewrapping import SealedColumn
from hyok.custody.safe import Safe
from hyok.storage.engine import Storage
from hyok.storage.schema import audit_keys

_PRIVATE_KEY_BYTES: Final = 32


def open_audit_signer(storage: Storage, safe: Safe, clock: Clock) -> Signer:
    """Return what signs; at the first start ever, make it. IntegrityError if the stored key was altered."""
    with storage.reading() as connection:
        signer = _read(connection, safe)
    if signer is not None:
        return signer
    with storage.transaction() as connection:
        # Asked again, under the write lock: another process may have made it meanwhile.
        return _read(connection, safe) or _create(connection, safe, clock)


def read_audit_key(storage: Storage) -> VerificationKey | None:
    """Return the public half of what signs, for which no root key is needed; None before the first start."""
    with storage.reading() as connection:
        public_key = connection.scalar(select(audit_keys.c.public_key).order_by(audit_keys.c.created_at.desc()))
    return None if public_key is None else VerificationKey(public_key)


def _read(connection: Connection, safe: Safe) -> Signer | None:
    row = connection.execute(select(audit_keys).order_by(audit_keys.c.created_at.desc())).first()
    if row is None:
        return None
    signer = Signer(safe.open(row.sealed_private_key, "audit_keys", row.public_key.hex()).reveal())
    if signer.key.public_key != row.public_key:
        raise IntegrityError("the public key in table audit_keys is not that of the private key beside it")
    return signer


def _create(connection: Connection, safe: Safe, clock: Clock) -> Signer:
    private_key = os.urandom(_PRIVATE_KEY_BYTES)
    signer = Signer(private_key)
    public_key = signer.key.public_key
    connection.execute(
        insert(audit_keys),
        {
            "public_key": public_key,
            "sealed_private_key": safe.seal(private_key, "audit_keys", public_key.hex()),
            "created_at": clock.now(),
        },
    )
    return signer


SEALED_PRIVATE_KEYS: Final = SealedColumn(
    audit_keys,
    "sealed_private_key",
    select(audit_keys.c.public_key, audit_keys.c.sealed_private_key),
    lambda row: ("audit_keys", row.public_key.hex()),
)
"""For a change of the root key."""
