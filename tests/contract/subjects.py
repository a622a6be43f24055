"""Embedded key managers to test with: real keys, real cryptography, a storage of their own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from hyok.clock import SystemClock
from hyok.custody.file_root import create_file_root
from hyok.custody.safe import Safe, open_safe
from hyok.keymanagers.embedded.administrator import EmbeddedKeyAdministrator
from hyok.keymanagers.embedded.leasing import Leasing
from hyok.keymanagers.embedded.manager import EmbeddedKeyManager
from hyok.keymanagers.interface import KeyUsage
from hyok.storage.changes import changes_since
from hyok.storage.engine import Storage, open_storage
from hyok.storage.schema import Side

KEY_IDS = ("one", "two")


class EmbeddedKeys(NamedTuple):
    """A storage with two keys, for any number of managers that share them."""

    storage: Storage
    safe: Safe
    administrator: EmbeddedKeyAdministrator

    def open_manager(self) -> EmbeddedKeyManager:
        """Open one more manager of these keys."""
        return EmbeddedKeyManager(self.storage, Leasing(self.safe, SystemClock()))

    async def refresh(self, *managers: EmbeddedKeyManager) -> None:
        """Let managers see what the administrator changed."""
        changes = await self.storage.read(lambda connection: changes_since(connection, 0))
        for manager in managers:
            await manager.apply(changes)


@contextmanager
def embedded_keys() -> Iterator[EmbeddedKeys]:
    """Make a storage with two keys for the length of the block."""
    with tempfile.TemporaryDirectory() as directory:
        storage = open_storage(f"sqlite:///{directory}/hyok.db", Side.HOLDER)
        safe = open_safe(storage, create_file_root(Path(directory) / "root.key"))
        administrator = EmbeddedKeyAdministrator(storage, safe, SystemClock())
        for key_id in KEY_IDS:
            administrator.create_key(key_id, frozenset(KeyUsage))
        yield EmbeddedKeys(storage, safe, administrator)
        storage.close()
