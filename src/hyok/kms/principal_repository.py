"""Principals in the KMS side's storage: all SQL about them.

The sealed secret is bound to the whole row: who edits an ARN, a policy or a tag gets a principal that cannot call.
"""

from __future__ import annotations

import json
from collections.abc import Collection

from sqlalchemy import Connection, RowMapping, delete, insert, select

from hyok.custody.safe import Safe
from hyok.kms.principals import IdentityPolicy, StoredPrincipal
from hyok.secret import Secret
from hyok.storage.changes import ChangeKind, record_change
from hyok.storage.schema import principals


def insert_principal(connection: Connection, safe: Safe, principal: StoredPrincipal, secret: Secret) -> None:
    """Write a new principal. StorageError if its ARN or access key id is taken."""
    connection.execute(
        insert(principals),
        {
            "access_key_id": principal.access_key_id,
            "arn": principal.arn,
            "policies": [list(policy) for policy in principal.policies],
            "tags": dict(principal.tags),
            "created_at": principal.created_at,
            "sealed_secret": safe.seal(secret.reveal(), *_place(principal)),
        },
    )
    record_change(connection, ChangeKind.PRINCIPAL, principal.access_key_id, at=principal.created_at)


def delete_principal(connection: Connection, principal: StoredPrincipal, *, at: float) -> None:
    """Delete a principal."""
    connection.execute(delete(principals).where(principals.c.access_key_id == principal.access_key_id))
    record_change(connection, ChangeKind.PRINCIPAL, principal.access_key_id, at=at)


def read_principals(connection: Connection) -> tuple[StoredPrincipal, ...]:
    """Return all principals without their secrets, by ARN."""
    return tuple(
        _principal_of(row) for row in connection.execute(select(principals).order_by(principals.c.arn)).mappings()
    )


def read_sealed_principals(
    connection: Connection, access_key_ids: Collection[str] | None
) -> tuple[tuple[StoredPrincipal, bytes], ...]:
    """Return principals with their sealed secrets: those of some access key ids, or all."""
    query = select(principals)
    if access_key_ids is not None:
        query = query.where(principals.c.access_key_id.in_(access_key_ids))
    return tuple((_principal_of(row), row["sealed_secret"]) for row in connection.execute(query).mappings())


def open_secret(safe: Safe, principal: StoredPrincipal, sealed_secret: bytes) -> Secret:
    """Return a principal's secret access key. IntegrityError if anything of its row was edited."""
    return safe.open(sealed_secret, *_place(principal))


def place_of_secret(row: RowMapping) -> tuple[str, str, str, str, str]:
    """Return what the secret of a stored row is bound to."""
    return _place(_principal_of(row))


def _place(principal: StoredPrincipal) -> tuple[str, str, str, str, str]:
    policies = json.dumps([list(policy) for policy in principal.policies])
    tags = json.dumps(dict(principal.tags), sort_keys=True)
    return ("principals", principal.access_key_id, principal.arn, policies, tags)


def _principal_of(row: RowMapping) -> StoredPrincipal:
    return StoredPrincipal(
        row["access_key_id"],
        row["arn"],
        tuple(IdentityPolicy(name, document) for name, document in row["policies"]),
        row["tags"],
        row["created_at"],
    )
