"""Grants in the KMS side's storage: all SQL about them. Each write leaves its entry in the change log."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, Select, delete, insert, select

from hyok.kms.grant_values import Grant, GrantConstraints, GrantPrincipal
from hyok.kms.row_seals import RowSeals, read_rows
from hyok.storage.changes import ChangeKind, record_change
from hyok.storage.schema import grants, keys

_ALL: Final = select(grants, keys.c.arn.label("key_arn")).join(keys, keys.c.key_id == grants.c.key_id)


def load_grants(connection: Connection, seals: RowSeals) -> tuple[Grant, ...]:
    """Read all grants that are as hyok wrote them, once, at start. Sorted by id, as lists made of them are."""
    return _read(connection, seals, _ALL.order_by(grants.c.grant_id))


def read_grants(connection: Connection, seals: RowSeals, grant_ids: Collection[str]) -> tuple[Grant, ...]:
    """Read some grants; those that are not there, or not as hyok wrote them, are left out."""
    return _read(connection, seals, _ALL.where(grants.c.grant_id.in_(grant_ids)))


def insert_grant(connection: Connection, seals: RowSeals, grant: Grant) -> None:
    """Write a new grant. StorageError if its key is gone."""
    connection.execute(insert(grants), seals.sealed(grants, _row_of(grant)))
    _record(connection, grant, at=grant.created_at)


def delete_grant(connection: Connection, grant: Grant, *, at: float) -> None:
    """Delete a grant; that another process has done so already does no harm."""
    connection.execute(delete(grants).where(grants.c.grant_id == grant.grant_id))
    _record(connection, grant, at=at)


def _read(connection: Connection, seals: RowSeals, query: Select[Any]) -> tuple[Grant, ...]:
    intact, _ = seals.told_apart(grants, read_rows(connection, query, grants))
    return tuple(map(_grant_of, intact))


def _record(connection: Connection, grant: Grant, *, at: float) -> None:
    record_change(connection, ChangeKind.GRANT, f"{grant.key_id}/{grant.grant_id}", at=at)


def _row_of(grant: Grant) -> dict[str, object]:
    grantee, grantee_service = _columns_of(grant.grantee)
    retiring, retiring_service = _columns_of(grant.retiring)
    return {
        "grant_id": grant.grant_id,
        "key_id": grant.key_id,
        "name": grant.name,
        "grantee_principal": grantee,
        "grantee_service_principal": grantee_service,
        "retiring_principal": retiring,
        "retiring_service_principal": retiring_service,
        "issuing_account": grant.issuing_account,
        "operations": list(grant.operations),
        "constraints": grant.constraints._asdict(),
        "created_at": grant.created_at,
    }


def _grant_of(row: RowMapping) -> Grant:
    has_retiring = row["retiring_principal"] or row["retiring_service_principal"]
    return Grant(
        grant_id=row["grant_id"],
        key_id=row["key_id"],
        key_arn=row["key_arn"],
        name=row["name"],
        grantee=_principal_of(row, "grantee"),
        retiring=_principal_of(row, "retiring") if has_retiring else None,
        issuing_account=row["issuing_account"],
        operations=tuple(row["operations"]),
        constraints=GrantConstraints(**row["constraints"]),
        created_at=row["created_at"],
    )


def _columns_of(principal: GrantPrincipal | None) -> tuple[str | None, str | None]:
    if principal is None:
        return None, None
    return (None, principal.name) if principal.is_service else (principal.name, None)


def _principal_of(row: RowMapping, role: str) -> GrantPrincipal:
    service = row[f"{role}_service_principal"]
    if service is not None:
        return GrantPrincipal(service, is_service=True)
    return GrantPrincipal(row[f"{role}_principal"], is_service=False)
