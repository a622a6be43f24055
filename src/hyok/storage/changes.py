"""The numbered change log: each write leaves a change in its own transaction, and servers apply what is new to them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final, NamedTuple

from sqlalchemy import BigInteger, Connection, Double, Text, bindparam, column, func, insert, select, table


class ChangeKind(Enum):
    """What a change is about. Its subject says which one."""

    KEY_STORE = "key store"
    """A key store of the proxy: its name."""
    CREDENTIAL = "credential"
    """The credentials of a key store: the key store's name."""
    EXTERNAL_KEY = "external key"
    """`<key store>/<external key id>`."""
    POLICY = "policy"
    """The policies of a key store and of its external keys: the key store's name."""
    EMBEDDED_KEY = "embedded key"
    """A key of the embedded key manager: its key id."""
    CUSTOM_KEY_STORE = "custom key store"
    """A custom key store of the KMS service: its id."""
    KEY = "key"
    """A KMS key: its key id."""
    ALIAS = "alias"
    """An alias of a KMS key: `<account>/<region>/<alias name>`."""
    GRANT = "grant"
    """A grant of a KMS key: `<key id>/<grant id>`."""
    PRINCIPAL = "principal"
    """Somebody who may call the KMS service: the access key id."""
    ROOT_KEY = "root key"
    """The root key that takes over: its id."""
    RULING = "ruling"
    """A freeze, an unfreeze or an operator: the number of the administrative record that says it."""


class Change(NamedTuple):
    """One entry of the change log."""

    position: int
    kind: ChangeKind
    subject: str
    at: float
    """Unix seconds."""


class NotedChange(NamedTuple):
    """What a transaction has changed so far, for the administrative record that it leaves."""

    kind: ChangeKind
    subject: str
    act: str
    """What was done, as a verb: `create`."""
    details: Mapping[str, object]
    """What JSON can hold, and never a secret."""


_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})


def record_change(
    connection: Connection,
    kind: ChangeKind,
    subject: str,
    *,
    at: float,
    act: str = "change",
    details: Mapping[str, object] = _NOTHING,
) -> None:
    """Append to the change log, inside the transaction that makes the change.

    `act` and `details` are for the record of who changed what; servers need to know only what changed.
    """
    connection.execute(insert(_LOG), {"kind": kind.value, "subject": subject, "at": at})
    connection.info.setdefault(_NOTED, []).append(NotedChange(kind, subject, act, details))


def take_noted_changes(connection: Connection) -> tuple[NotedChange, ...]:
    """Return what `record_change` noted on this connection since this was asked last."""
    noted: list[NotedChange] = connection.info.pop(_NOTED, [])
    return tuple(noted)


def current_position(connection: Connection) -> int:
    """Return the position of the newest change; 0 if there is none.

    Asked before the state is read: a change that comes in between is then applied once more, which does no harm.
    """
    return connection.scalar(select(func.max(_LOG.c.position))) or 0


def changes_since(connection: Connection, position: int, *, limit: int = 1000) -> tuple[Change, ...]:
    """Return the changes after `position`, oldest first, at most `limit`."""
    rows = connection.execute(_SINCE, {"position": position, "limit": limit})
    return tuple(Change(row.position, ChangeKind(row.kind), row.subject, row.at) for row in rows)


_NOTED: Final = "hyok.noted_changes"
_LOG: Final = table(
    "changes", column("position", BigInteger), column("kind", Text), column("subject", Text), column("at", Double)
)
"""The log's table, which both sides have."""

# Built once: each server asks it four times a second, and to build it costs more than to ask it.
_SINCE: Final = (
    select(_LOG.c.position, _LOG.c.kind, _LOG.c.subject, _LOG.c.at)
    .where(_LOG.c.position > bindparam("position"))
    .order_by(_LOG.c.position)
    .limit(bindparam("limit"))
)
