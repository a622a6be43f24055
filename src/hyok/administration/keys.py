"""Keys in a key manager that can be administered: made or imported, rotated, enabled, disabled and deleted there.

Taking a key into a key store is another step: `hyok.administration.external_keys`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from hyok.custody.key_transport import check_value, unwrap_material
from hyok.errors import NotDoneError
from hyok.keymanagers.errors import KeyManagerError
from hyok.keymanagers.interface import KeyAdministrator, KeyUsage, ManagedKey, MaterialAdministrator
from hyok.secret import Secret

ALL_USAGES: Final = frozenset(KeyUsage)
"""What AWS KMS demands of the external key of a new KMS key."""
_AES_256_BYTES: Final = 32


def create_key(administrator: KeyAdministrator, key_id: str, *, usages: frozenset[KeyUsage] = ALL_USAGES) -> ManagedKey:
    """Create an AES-256 key with version 1, enabled. NotDoneError if it cannot be."""
    with _not_done(f"key {key_id} was not created"):
        return administrator.create_key(key_id, usages)


class WrappedKey(NamedTuple):
    """A key that comes from another key manager."""

    content: bytes
    """As `hyok.custody.key_transport.unwrap_material` takes it."""
    wrapping_key: Secret
    expected_check_value: str
    """Six hex digits, as the other key manager shows them."""


def import_key(
    administrator: KeyAdministrator, key_id: str, wrapped: WrappedKey, *, usages: frozenset[KeyUsage] = ALL_USAGES
) -> ManagedKey:
    """Create a key of material from elsewhere, if its check value is the one expected.

    NotDoneError if it is not, or the manager takes none; OperatorError if it does not unwrap.
    """
    importing = _of_material(administrator, "imported")
    material = unwrap_material(wrapped.content, wrapped.wrapping_key)
    with _not_done(f"key {key_id} was not imported"):
        found = len(material.reveal())
        if found != _AES_256_BYTES:
            raise NotDoneError(f"an AES-256 key has {_AES_256_BYTES} bytes, and this one {found}; nothing was imported")
        if check_value(material) != wrapped.expected_check_value.lower():
            raise NotDoneError(
                f"the key has check value {check_value(material)} and {wrapped.expected_check_value.lower()} was "
                "expected: it is another key, or was damaged; nothing was imported"
            )
        return importing.import_key(key_id, usages, material)


def schedule_key_deletion(administrator: KeyAdministrator, key_id: str, *, waiting_days: int) -> ManagedKey:
    """Refuse all use of a key from now on, and have it destroyed after 7 to 30 days. NotDoneError if it cannot be."""
    deleting = _of_material(administrator, "deleted")
    with _not_done(f"key {key_id} is not deleted"):
        return deleting.schedule_deletion(key_id, waiting_days=waiting_days)


def cancel_key_deletion(administrator: KeyAdministrator, key_id: str) -> ManagedKey:
    """Keep a key that was to be destroyed; it is disabled then. NotDoneError if it was not to be."""
    deleting = _of_material(administrator, "deleted")
    with _not_done(f"the deletion of key {key_id} is not cancelled"):
        return deleting.cancel_deletion(key_id)


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


def _of_material(administrator: KeyAdministrator, verb: str) -> MaterialAdministrator:
    if not isinstance(administrator, MaterialAdministrator):
        raise NotDoneError(
            f"keys of this key manager are {verb} with its own tools, because it keeps their material itself; hyok "
            "does this for embedded key managers"
        )
    return administrator


@contextmanager
def _not_done(what: str) -> Iterator[None]:
    try:
        yield
    except KeyManagerError as error:
        raise NotDoneError(f"{what}: the key manager says {error}") from error
