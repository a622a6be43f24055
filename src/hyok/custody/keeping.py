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
_SEALED_FROM_BIRTH: Final = "2-"


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


def make_identity(root: RootKey) -> Identity:
    """Make a storage's identity and its first KEK. It counts once it is stored."""
    store_id = _SEALED_FROM_BIRTH + secrets.token_hex(16)
    return Identity(store_id, root.id, root.wrap(os.urandom(_KEK_BYTES), kek_context(store_id)))


def is_sealed_from_birth(store_id: str) -> bool:
    """Tell whether a storage is so young that none of its rows was ever without a seal, where rows have seals.

    The id says it because everything in the storage is sealed for that id: nobody can give the storage another one.
    """
    return store_id.startswith(_SEALED_FROM_BIRTH)


def store_identity(connection: Connection, identity: Identity) -> Identity:
    """Give a storage its identity; returns the one that it has, if another process was faster."""
    there = read_identity(connection)
    if there is None:
        connection.execute(insert(_IDENTITY), identity._asdict())
    return there or identity


def read_succession(connection: Connection) -> Succession | None:
    """Return the succession that has begun, if one has."""
    row = connection.execute(select(_SUCCESSION)).one_or_none()
    return None if row is None else Succession(*row)


def make_succession(identity: Identity, *, kek: Secret, root: RootKey) -> Succession:
    """Make the KEK that takes over from `kek`, under its root. It counts once it is stored."""
    successor = os.urandom(_KEK_BYTES)
    context = kek_context(identity.store_id)
    return Succession(
        root.id,
        root.wrap(successor, context),
        seal(AESGCM(kek.reveal()), successor, context),
        seal(AESGCM(successor), kek.reveal(), context),
    )


def redirect_succession(identity: Identity, succession: Succession, *, kek: Secret, root: RootKey) -> Succession:
    """Put the KEK that takes over under another root than the one it was made for. It counts once it is stored."""
    wrapped = root.wrap(kek.reveal(), kek_context(identity.store_id))
    return succession._replace(root_key_id=root.id, wrapped_kek=wrapped)


def store_succession(connection: Connection, succession: Succession, *, was: Succession | None) -> bool:
    """Store a succession; False, with nothing changed, if another process has changed it meanwhile."""
    if read_succession(connection) != was:
        return False
    if was is None:
        connection.execute(insert(_SUCCESSION), succession._asdict())
    else:
        connection.execute(update(_SUCCESSION).values(succession._asdict()))
    return True


def end_succession(connection: Connection, succession: Succession) -> bool:
    """Make the successor the one KEK there is; what opened it without its root goes. False as `store_succession`."""
    if read_succession(connection) != succession:
        return False
    connection.execute(update(_IDENTITY).values(root_key_id=succession.root_key_id, wrapped_kek=succession.wrapped_kek))
    connection.execute(delete(_SUCCESSION))
    return True


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
