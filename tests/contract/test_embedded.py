"""The embedded key manager keeps the contract of all key managers."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hyok.clock import SystemClock
from hyok.custody.file_root import create_file_root
from hyok.custody.safe import open_safe
from hyok.keymanagers.embedded.administrator import EmbeddedKeyAdministrator
from hyok.keymanagers.embedded.manager import EmbeddedKeyManager
from hyok.keymanagers.interface import KeyUsage
from hyok.storage.changes import changes_since
from hyok.storage.engine import open_storage
from hyok.storage.schema import Side
from hyok.testing.key_managers import KeyManagerContract, Subject


class TestEmbedded(KeyManagerContract):
    @asynccontextmanager
    async def subject(self) -> AsyncIterator[Subject]:
        with tempfile.TemporaryDirectory() as directory:
            storage = open_storage(f"sqlite:///{directory}/hyok.db", Side.HOLDER)
            safe = open_safe(storage, create_file_root(Path(directory) / "root.key"))
            administrator = EmbeddedKeyAdministrator(storage, safe, SystemClock())
            for key_id in ("one", "two"):
                administrator.create_key(key_id, frozenset(KeyUsage))
            manager = EmbeddedKeyManager(storage, safe)

            async def refresh() -> None:
                await manager.apply(await storage.read(lambda connection: changes_since(connection, 0)))

            yield Subject(manager, "one", "two", administrator, refresh)
            await manager.aclose()
            storage.close()
