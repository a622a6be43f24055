"""The embedded key manager keeps the contract of all key managers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hyok.testing.key_managers import KeyManagerContract, Subject
from tests.contract.subjects import KEY_IDS, embedded_keys


class TestEmbedded(KeyManagerContract):
    @asynccontextmanager
    async def subject(self) -> AsyncIterator[Subject]:
        with embedded_keys() as keys:
            manager = keys.open_manager()
            yield Subject(manager, *KEY_IDS, keys.administrator, lambda: keys.refresh(manager))
            await manager.aclose()
