"""What lies at rest on each side of the trust line: a storage, its root key, and the safe that the root key opens."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager

from hyok.assembly.root_sources import open_root_key
from hyok.config.references import resolve_secret
from hyok.config.settings import RootKeySettings, StorageSettings
from hyok.custody.anchor import Anchor
from hyok.custody.safe import Safe, SafeKey, open_safe, unlock_safe
from hyok.storage.changes import current_position
from hyok.storage.engine import Storage, open_storage
from hyok.storage.schema import Side


def open_side_storage(settings: StorageSettings, side: Side) -> Storage:
    """Open the storage of one side alone. OperatorError if it cannot be used, or its password is not there."""
    password = None if settings.password is None else resolve_secret(settings.password, os.environ)
    return open_storage(str(settings.url), side, password=password)


def unlock_side(storage: StorageSettings, root_key: RootKeySettings, side: Side) -> SafeKey:
    """Return what opens one side's safe, for heirs that open the storage themselves; nothing stays open."""
    root = open_root_key(root_key.source)
    with closing(open_side_storage(storage, side)) as opened:
        key = unlock_safe(opened, root)
        anchor_storage(opened, Safe(key.store_id, key.keks), storage)
        return key


@contextmanager
def open_side(storage: StorageSettings, root_key: RootKeySettings, side: Side) -> Iterator[tuple[Storage, Safe]]:
    """Open one side's storage and safe for the length of the block."""
    # The root key first: without one, no storage is created or migrated.
    root = open_root_key(root_key.source)
    with closing(open_side_storage(storage, side)) as opened:
        safe = open_safe(opened, root)
        anchor_storage(opened, safe, storage)
        yield opened, safe


def anchor_storage(storage: Storage, safe: Safe, settings: StorageSettings) -> None:
    """Compare an open storage with its anchor, if it has one, and keep that up from now on.

    OperatorError if the storage is an older copy, or the anchor is not there or not its own.
    """
    if settings.anchor is None:
        return
    anchor = Anchor(settings.anchor, safe)
    with storage.reading() as connection:
        position = current_position(connection)
    anchor.check(position, location=storage.location)
    storage.note_changes(anchor.advance)


def renew_anchor(storage: Storage, safe: Safe, settings: StorageSettings) -> None:
    """Let a storage's anchor, if it has one, say what the storage says: seal it anew, or accept an older copy."""
    if settings.anchor is not None:
        with storage.reading() as connection:
            Anchor(settings.anchor, safe).reset(current_position(connection))
