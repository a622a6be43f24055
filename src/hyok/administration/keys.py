"""Keys in a key manager that can be administered: made, rotated, enabled and disabled there.

Taking a key into a key store is another step: `hyok.administration.external_keys`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from hyok.errors import NotDoneError
from hyok.keymanagers.errors import KeyManagerError
from hyok.keymanagers.interface import KeyAdministrator, KeyUsage, ManagedKey

ALL_USAGES: Final = frozenset(KeyUsage)
"""What AWS KMS demands of the external key of a new KMS key."""


def create_key(administrator: KeyAdministrator, key_id: str, *, usages: frozenset[KeyUsage] = ALL_USAGES) -> ManagedKey:
    """Create an AES-256 key with version 1, enabled. NotDoneError if it cannot be."""
    with _not_done(f"key {key_id} was not created"):
        return administrator.create_key(key_id, usages)


def rotate_key(administrator: KeyAdministrator, key_id: str) -> ManagedKey:
    """Add a version that encrypts from now on; what older ones encrypted still decrypts."""
    with _not_done(f"key {key_id} was not rotated"):
        return administrator.rotate_key(key_id)


def enable_key(administrator: KeyAdministrator, key_id: str) -> ManagedKey:
    """Allow use of a key in all key stores that have it."""
    with _not_done(f"key {key_id} was not enabled"):
        return administrator.enable_key(key_id)


def disable_key(administrator: KeyAdministrator, key_id: str) -> ManagedKey:
    """Refuse all use of a key in all key stores that have it, until it is enabled again."""
    with _not_done(f"key {key_id} was not disabled"):
        return administrator.disable_key(key_id)


def show_key(administrator: KeyAdministrator, key_id: str) -> ManagedKey:
    """Return one key. NotDoneError if the manager has none of that id."""
    with _not_done(f"key {key_id} cannot be shown"):
        return administrator.show_key(key_id)


def list_keys(administrator: KeyAdministrator) -> tuple[ManagedKey, ...]:
    """Return all keys of the manager, sorted by id."""
    with _not_done("the keys cannot be listed"):
        return administrator.list_keys()


@contextmanager
def _not_done(what: str) -> Iterator[None]:
    try:
        yield
    except KeyManagerError as error:
        raise NotDoneError(f"{what}: the key manager says {error}") from error
