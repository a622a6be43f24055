"""The safe of one storage: a key-encryption key (KEK), kept wrapped under the root, seals each row's secret.

What is sealed is bound to the storage, the table and the row, and to whatever else of the row must not be edited: a
value copied to another row or another storage, or left in a row whose bound columns changed, does not open.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hyok.custody.errors import CustodyError, IntegrityError
from hyok.custody.keeping import (
    Identity,
    Succession,
    kek_context,
    make_identity,
    read_identity,
    read_succession,
    store_identity,
)
from hyok.custody.root_key import RootKey
from hyok.custody.sealing import encode_context, seal, unseal
from hyok.errors import OperatorError
from hyok.secret import Secret
from hyok.storage.engine import Storage


class SafeKey(NamedTuple):
    """What opens a safe without its root: a process that unlocked it hands this to the processes it starts."""

    store_id: str
    keks: tuple[Secret, ...]
    """The newest first: it seals. A second one is there while the storage is kept under two roots."""
    root_key_id: str
    """Of the root that it was unlocked with."""


class Safe:
    """Seals and opens the secrets in one storage's rows. Needs no I/O; safe to use from several threads."""

    def __init__(self, store_id: str, keks: Sequence[Secret]) -> None:
        """`keks`: the one that seals first, then its predecessor, if what that sealed is still there."""
        self.store_id = store_id
        self._keys = tuple(AESGCM(kek.reveal()) for kek in keks)

    def seal(self, plaintext: bytes, table: str, *row: str | int) -> bytes:
        """Encrypt a secret for its place: the table, the row's key, and the columns that are bound to it.

        At most 2^32 values may be sealed under one KEK, because nonces are random.
        """
        return seal(self._keys[0], plaintext, self._context(table, row))

    def open(self, sealed: bytes, table: str, *row: str | int) -> Secret:
        """Decrypt a secret in its place. IntegrityError, naming table and row, if it was not sealed there."""
        context = self._context(table, row)
        try:
            try:
                return Secret(unseal(self._keys[0], sealed, context))
            except IntegrityError:
                if len(self._keys) == 1:
                    raise
                return Secret(unseal(self._keys[1], sealed, context))
        except IntegrityError as error:
            raise IntegrityError(
                f"the sealed value in table {table}, row {row!r}, does not open: the row was altered, swapped, or "
                "copied from another storage; restore it from a backup"
            ) from error

    def reseal(self, sealed: bytes, table: str, *row: str | int) -> bytes | None:
        """Seal under the newest KEK what may lie under its predecessor; None if that is done. IntegrityError."""
        try:
            unseal(self._keys[0], sealed, self._context(table, row))
        except IntegrityError:
            return self.seal(self.open(sealed, table, *row).reveal(), table, *row)
        return None

    def adopt(self, succession: Succession | None) -> None:
        """Seal under the KEK that succeeds this safe's, if it is not that already; opens what lies under either.

        IntegrityError if it is not the successor of this safe's KEK.
        """
        if succession is None:
            return
        context = kek_context(self.store_id)
        try:
            successor = unseal(self._keys[0], succession.kek_under_predecessor, context)
        except IntegrityError:
            unseal(self._keys[0], succession.predecessor_under_kek, context)  # proves that it has taken over already
        else:
            self._keys = (AESGCM(successor), self._keys[0])

    def _context(self, table: str, row: tuple[str | int, ...]) -> bytes:
        return encode_context(self.store_id, table, *row)


def open_safe(storage: Storage, root: RootKey) -> Safe:
    """Open the storage's safe with its root key; at the first start ever, make its KEK.

    OperatorError, with nothing changed, if the storage is kept under another root.
    """
    key = unlock_safe(storage, root)
    return Safe(key.store_id, key.keks)


def unlock_safe(storage: Storage, root: RootKey) -> SafeKey:
    """Return what opens the storage's safe without the root key, for heirs; else as `open_safe`."""
    with storage.reading() as connection:
        identity, succession = read_identity(connection), read_succession(connection)
    if identity is None:
        made = make_identity(root)  # before the transaction: the root key may be in an HSM
        with storage.transaction() as connection:
            identity = store_identity(connection, made)
    return _unlock(storage, identity, succession, root)


def inherit_safe(storage: Storage, key: SafeKey) -> Safe:
    """Open the storage's safe with a key that was handed over. OperatorError if it is another storage's."""
    with storage.reading() as connection:
        identity, succession = read_identity(connection), read_succession(connection)
    if identity is None or identity.store_id != key.store_id:
        raise OperatorError(
            f"the storage {storage.location} is not the one whose key was handed over ({key.store_id}): the file was "
            "replaced while this program ran; stop it and start it again"
        )
    if key.root_key_id not in (identity.root_key_id, "" if succession is None else succession.root_key_id):
        raise OperatorError(
            f"root key {key.root_key_id}, with which this program was started, was retired: the storage "
            f"{storage.location} is kept under {identity.root_key_id} now; stop the program and start it again"
        )
    safe = Safe(key.store_id, key.keks)
    safe.adopt(succession)
    return safe


def _unlock(storage: Storage, identity: Identity, succession: Succession | None, root: RootKey) -> SafeKey:
    context = kek_context(identity.store_id)
    failure: CustodyError | None = None
    # Two passphrases are told apart only by what they open, so each that may be is tried.
    if root.may_be(identity.root_key_id):
        try:
            kek = root.unwrap(identity.wrapped_kek, context)
            keks: tuple[Secret, ...] = (Secret(kek),)
            if succession is not None:
                keks = (Secret(unseal(AESGCM(kek), succession.kek_under_predecessor, context)), *keks)
            return SafeKey(identity.store_id, keks, identity.root_key_id)
        except CustodyError as error:
            failure = error
    if succession is not None and root.may_be(succession.root_key_id):
        try:
            kek = root.unwrap(succession.wrapped_kek, context)
            predecessor = unseal(AESGCM(kek), succession.predecessor_under_kek, context)
            return SafeKey(identity.store_id, (Secret(kek), Secret(predecessor)), succession.root_key_id)
        except CustodyError as error:
            failure = error
    raise _refusal(storage, identity, succession, root, failure) from failure


def _refusal(
    storage: Storage,
    identity: Identity,
    succession: Succession | None,
    root: RootKey,
    failure: CustodyError | None,
) -> OperatorError:
    roots = " and ".join([identity.root_key_id, *([] if succession is None else [succession.root_key_id])])
    if failure is None:
        return OperatorError(
            f"the storage {storage.location} is kept under root key {roots}, and the root key given is {root.id}; "
            "nothing was changed: name the root key that this storage was made with"
        )
    if not isinstance(failure, IntegrityError):
        return OperatorError(f"{failure}; the storage {storage.location} is kept under it, and nothing was changed")
    return OperatorError(
        f"the root key given does not open the storage {storage.location}, which is kept under {roots} ({failure}); "
        "nothing was changed: a passphrase or a key manager may be another one than it was, or the table "
        "storage_identity was altered: restore it from a backup"
    )
