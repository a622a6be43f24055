"""The Transit key manager keeps the contract of all key managers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from hyok.keymanagers.known_keys import TRUSTED_SECONDS
from hyok.keymanagers.transit.administrator import TransitKeyAdministrator
from hyok.testing.key_managers import KeyManagerContract, Subject
from tests.integration.transit.managers import least_login, managing, new_key, root_login, setup_of
from tests.integration.transit.servers import Server


class TestTransit(KeyManagerContract):
    @pytest.fixture(autouse=True)
    def _use(self, server: Server) -> None:
        self._server = server

    @asynccontextmanager
    async def subject(self) -> AsyncIterator[Subject]:
        one, other, health = (new_key(self._server) for _ in range(3))
        login = least_login(self._server, [one, other, health, "no-such-key"])
        administrator = TransitKeyAdministrator(lambda: setup_of(self._server, root_login(self._server)))

        async def refresh() -> None:
            await asyncio.sleep(TRUSTED_SECONDS)

        async with managing(setup_of(self._server, login, health_key=health)) as manager:
            yield Subject(manager, one, other, administrator, refresh)
