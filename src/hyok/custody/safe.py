"""The safe of one storage: a key-encryption key (KEK), kept wrapped under the root, seals each row's secret.

What is sealed is bound to the storage, the table and the row, and to whatever else of the row must not be edited: a
value copied to another row or another storage, or left in a row whose bound columns changed, does not open.
"""

from __future__ import annotations

import os
import secrets
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, Table, insert, select

from hyok.custody.errors import CustodyError, IntegrityError
from hyok.custody.root_key import RootKey
from hyok.custody.sealing import encode_context, seal, unseal
from hyok.errors import OperatorError
from hyok.secret import Secret
from hyok.storage.engine import Storage

_KEK_BYTES: Final = 32


class SafeKey(NamedTuple):
    """What opens a safe without its root: a process that unlocked it hands this to the processes it starts."""

    store_id: str
    kek: Secret


class Safe:
    """Seals and opens the secrets in one storage's rows. Needs no I/O; safe to use from several threads."""

    def __init__(self, store_id: str, kek: Secret) -> None:
        self.store_id = store_id
        self._key = AESGCM(kek.reveal())

    def seal(self, plaintext: bytes, table: str, *row: str | int) -> bytes:
        """Encrypt a secret for its place: the table, the row's key, and the columns that are bound to it.

        At most 2^32 values may be sealed under one KEK, because nonces are random.
        """
        return seal(self._key, plaintext, self._context(table, row))

    def open(self, sealed: bytes, table: str, *row: str | int) -> Secret:
        """Decrypt a secret in its place. IntegrityError, naming table and row, if it was not sealed there."""
        try:
            return Secret(unseal(self._key, sealed, self._context(table, row)))
        except IntegrityError as error:
            raise IntegrityError(
                f"the sealed value in table {table}, row {row!r}, does not open: the row was altered, swapped, or "
                "copied from another storage; restore it from a backup"
            ) from error

    def _context(self, table: str, row: tuple[str | int, ...]) -> bytes:
        return encode_context(self.store_id, table, *row)


def open_safe(storage: Storage, root: RootKey) -> Safe:
    """Open the storage's safe with its root key; at the first start ever, make its KEK.

    OperatorError, with nothing changed, if the storage is kept under another root.
    """
    return Safe(*unlock_safe(storage, root))


def unlock_safe(storage: Storage, root: RootKey) -> SafeKey:
    """Return what opens the storage's safe without the root key, for heirs; else as `open_safe`."""
    table = storage.side.metadata.tables["storage_identity"]
    with storage.reading() as connection:
        identity = _read_identity(connection, table)
    if identity is None:
        with storage.transaction() as connection:
            # Asked again, under the write lock: another process may have made it meanwhile.
            identity = _read_identity(connection, table) or _create_identity(connection, table, root)
    if identity.root_key_id != root.id:
        raise OperatorError(
            f"the storage {storage.location} is kept under root key {identity.root_key_id}, and the root key given is "
            f"{root.id}; nothing was changed: name the root key that this storage was made with"
        )
    try:
        kek = root.unwrap(identity.wrapped_kek, _kek_context(identity.store_id))
    except CustodyError as error:
        raise OperatorError(
            f"root key {root.id} is the one that the storage {storage.location} names, but does not open it ({error}); "
            "nothing was changed: its table storage_identity was altered, restore it from a backup"
        ) from error
    return SafeKey(identity.store_id, Secret(kek))


def inherit_safe(storage: Storage, key: SafeKey) -> Safe:
    """Open the storage's safe with a key that was handed over. OperatorError if it is another storage's."""
    with storage.reading() as connection:
        identity = _read_identity(connection, storage.side.metadata.tables["storage_identity"])
    if identity is None or identity.store_id != key.store_id:
        raise OperatorError(
            f"the storage {storage.location} is not the one whose key was handed over ({key.store_id}): the file was "
            "replaced while this program ran; stop it and start it again"
        )
    return Safe(*key)


class _Identity(NamedTuple):
    store_id: str
    root_key_id: str
    wrapped_kek: bytes


def _read_identity(connection: Connection, table: Table) -> _Identity | None:
    row = connection.execute(select(table.c.store_id, table.c.root_key_id, table.c.wrapped_kek)).one_or_none()
    return None if row is None else _Identity(row.store_id, row.root_key_id, row.wrapped_kek)


def _create_identity(connection: Connection, table: Table, root: RootKey) -> _Identity:
    store_id = secrets.token_hex(16)
    identity = _Identity(store_id, root.id, root.wrap(os.urandom(_KEK_BYTES), _kek_context(store_id)))
    connection.execute(insert(table), identity._asdict())
    return identity


def _kek_context(store_id: str) -> bytes:
    return encode_context("storage_identity", store_id, "wrapped_kek")
