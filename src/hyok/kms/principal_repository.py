"""Principals in the KMS side's storage: all SQL about them.

The sealed secret is bound to the whole row: who edits an ARN, a policy or a tag gets a principal that cannot call.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

from sqlalchemy import Connection, RowMapping, delete, insert, select

from hyok.custody.errors import IntegrityError
from hyok.custody.safe import Safe
from hyok.kms.principals import IdentityPolicy, StoredPrincipal
from hyok.kms.row_seals import read_rows
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
    rows = read_rows(connection, select(principals).order_by(principals.c.arn), principals)
    return tuple(_principal_of(row) for row in rows)


def read_sealed_principals(connection: Connection, access_key_ids: Collection[str] | None) -> Sequence[RowMapping]:
    """Return the rows of principals, for `open_principal`: those of some access key ids, or all."""
    query = select(principals)
    if access_key_ids is not None:
        query = query.where(principals.c.access_key_id.in_(access_key_ids))
    return read_rows(connection, query, principals)


def open_principal(safe: Safe, row: RowMapping) -> tuple[StoredPrincipal, Secret]:
    """Return a principal and its secret access key. IntegrityError if anything of its row was edited."""
    principal = _principal_of(row)
    try:
        return principal, safe.open(row["sealed_secret"], *_place(principal))
    except TypeError as error:
        raise _edited(row) from error


def place_of_secret(row: RowMapping) -> tuple[str, str, str, str, str]:
    """Return what the secret of a stored row is bound to."""
    return _place(_principal_of(row))


def _place(principal: StoredPrincipal) -> tuple[str, str, str, str, str]:
    policies = json.dumps([list(policy) for policy in principal.policies])
    tags = json.dumps(dict(principal.tags), sort_keys=True)
    return ("principals", principal.access_key_id, principal.arn, policies, tags)


def _principal_of(row: RowMapping) -> StoredPrincipal:
    try:
        return StoredPrincipal(
            row["access_key_id"],
            row["arn"],
            tuple(IdentityPolicy(name, document) for name, document in row["policies"]),
            dict(row["tags"]),
            row["created_at"],
        )
    except (TypeError, ValueError) as error:
        raise _edited(row) from error


def _edited(row: RowMapping) -> IntegrityError:
    return IntegrityError(f"the row {row['access_key_id']} of the table principals is not as hyok wrote it")
