"""The KMIP key manager keeps the contract of all key managers: with PyKMIP in 1.4 and 2.0, with a double in 2.1."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from hyok.keymanagers.kmip.administrator import KmipKeyAdministrator
from hyok.keymanagers.kmip.setup import KmipSetup
from hyok.keymanagers.kmip.vocabulary import KMIP_1_4, KMIP_2_0
from hyok.keymanagers.known_keys import TRUSTED_SECONDS
from hyok.testing.key_managers import KeyManagerContract, Subject
from tests.integration.kmip.double import KmipDouble, serving
from tests.integration.kmip.managers import BOTH, managing
from tests.integration.kmip.pykmip import PyKmipServer

numbers = itertools.count(1)


@asynccontextmanager
async def subject_at(setup: KmipSetup) -> AsyncIterator[Subject]:
    """Two keys of this test's own at a server."""
    administrator = KmipKeyAdministrator(lambda: setup)
    one, other = (f"contract-{next(numbers)}" for _ in range(2))
    for key_id in (one, other):
        await asyncio.to_thread(administrator.create_key, key_id, BOTH)

    async def refresh() -> None:
        await asyncio.sleep(TRUSTED_SECONDS)

    async with managing(setup) as manager:
        yield Subject(manager, one, other, administrator, refresh)


class _AtServer(KeyManagerContract):
    _setup: KmipSetup

    def subject(self) -> AbstractAsyncContextManager[Subject]:
        return subject_at(self._setup)


class TestKmip14(_AtServer):
    @pytest.fixture(autouse=True)
    def _use(self, server: PyKmipServer) -> None:
        self._setup = server.setup(KMIP_1_4)


class TestKmip20(_AtServer):
    @pytest.fixture(autouse=True)
    def _use(self, server: PyKmipServer) -> None:
        self._setup = server.setup(KMIP_2_0)


class TestKmip21(_AtServer):
    @pytest.fixture(autouse=True)
    def _use(self) -> Iterator[None]:
        with serving(KmipDouble()) as setup:
            self._setup = setup
            yield
