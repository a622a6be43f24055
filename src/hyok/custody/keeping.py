"""Under which root key a storage is kept: its identity, and its succession while it passes from one root to the next.

While it passes there are two KEKs. Each root opens one of them, and each KEK opens the other, so that either root
opens the storage.
"""

from __future__ import annotations

import os
import secrets
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, LargeBinary, Text, column, delete, insert, select, table, update

from hyok.custody.root_key import RootKey
from hyok.custody.sealing import encode_context, seal
from hyok.secret import Secret

_KEK_BYTES: Final = 32


class Identity(NamedTuple):
    """Which storage it is, and its KEK wrapped under its root."""

    store_id: str
    root_key_id: str
    wrapped_kek: bytes


class Succession(NamedTuple):
    """The KEK that takes over, wrapped under the root that takes over."""

    root_key_id: str
    wrapped_kek: bytes
    kek_under_predecessor: bytes
    """It again, for those who know the old one."""
    predecessor_under_kek: bytes
    """The old KEK, for those who know it."""


def kek_context(store_id: str) -> bytes:
    """Return what a KEK is bound to, wherever it is wrapped or sealed."""
    return encode_context("storage_identity", store_id, "wrapped_kek")


def read_identity(connection: Connection) -> Identity | None:
    """Return a storage's identity; None before its first start."""
    row = connection.execute(select(_IDENTITY)).one_or_none()
    return None if row is None else Identity(*row)


def create_identity(connection: Connection, root: RootKey) -> Identity:
    """Make a storage's identity and its first KEK."""
    store_id = secrets.token_hex(16)
    identity = Identity(store_id, root.id, root.wrap(os.urandom(_KEK_BYTES), kek_context(store_id)))
    connection.execute(insert(_IDENTITY), identity._asdict())
    return identity


def read_succession(connection: Connection) -> Succession | None:
    """Return the succession that has begun, if one has."""
    row = connection.execute(select(_SUCCESSION)).one_or_none()
    return None if row is None else Succession(*row)


def begin_succession(connection: Connection, identity: Identity, *, kek: Secret, root: RootKey) -> Succession:
    """Make the KEK that takes over from `kek`, under its root."""
    successor = os.urandom(_KEK_BYTES)
    context = kek_context(identity.store_id)
    succession = Succession(
        root.id,
        root.wrap(successor, context),
        seal(AESGCM(kek.reveal()), successor, context),
        seal(AESGCM(successor), kek.reveal(), context),
    )
    connection.execute(insert(_SUCCESSION), succession._asdict())
    return succession


def redirect_succession(connection: Connection, identity: Identity, *, kek: Secret, root: RootKey) -> None:
    """Put the KEK that takes over under another root than the one it was made for."""
    wrapped = root.wrap(kek.reveal(), kek_context(identity.store_id))
    connection.execute(update(_SUCCESSION).values(root_key_id=root.id, wrapped_kek=wrapped))


def end_succession(connection: Connection, succession: Succession) -> None:
    """Make the successor the one KEK there is; what opened it without its root goes."""
    connection.execute(update(_IDENTITY).values(root_key_id=succession.root_key_id, wrapped_kek=succession.wrapped_kek))
    connection.execute(delete(_SUCCESSION))


_IDENTITY: Final = table(
    "storage_identity", column("store_id", Text), column("root_key_id", Text), column("wrapped_kek", LargeBinary)
)
_SUCCESSION: Final = table(
    "storage_succession",
    column("root_key_id", Text),
    column("wrapped_kek", LargeBinary),
    column("kek_under_predecessor", LargeBinary),
    column("predecessor_under_kek", LargeBinary),
)
