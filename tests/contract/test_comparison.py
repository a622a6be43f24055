"""Random operations on each kind of key manager end as they do on the embedded one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from hyok.clock import Deadline
from hyok.keymanagers.cluster.manager import ClusterKeyManager
from hyok.keymanagers.interface import KeyManager, KeyVersion, Sealed
from hyok.keymanagers.kmip.vocabulary import KMIP_2_0
from hyok.testing.comparison import KeyManagerComparison
from hyok.testing.key_managers import Subject
from tests.contract import test_pkcs11
from tests.contract.subjects import KEY_IDS, embedded_keys
from tests.integration.kmip import test_contract as kmip
from tests.integration.kmip.pykmip import PyKmipServer
from tests.integration.transit import test_contract as transit
from tests.integration.transit.servers import Server, running_server
from tests.sizes import size
from tests.unit.proxy.managers import WatchedManager

IS_NIGHTLY = bool(size(usual=0, nightly=1))


@asynccontextmanager
async def embedded_subject() -> AsyncIterator[Subject]:
    with embedded_keys() as keys:
        manager = keys.open_manager()
        yield Subject(manager, *KEY_IDS, keys.administrator, lambda: keys.refresh(manager))
        await manager.aclose()


def _without_changes(subject: Subject) -> Subject:
    """Leave rotation and disabling to the nightly run: each change would have to be waited for."""
    return subject if IS_NIGHTLY else subject._replace(administrator=None)


class _LikeTheEmbeddedOne(KeyManagerComparison):
    examples = size(usual=10, nightly=100)

    def other(self) -> AbstractAsyncContextManager[Subject]:
        raise NotImplementedError

    @asynccontextmanager
    async def subjects(self) -> AsyncIterator[tuple[Subject, Subject]]:
        async with embedded_subject() as embedded, self.other() as other:
            yield embedded, other


class TestSoftHsmLikeTheEmbeddedOne(_LikeTheEmbeddedOne):
    def other(self) -> AbstractAsyncContextManager[Subject]:
        return test_pkcs11.TestSoftHsm().subject()


class TestClusterLikeTheEmbeddedOne(_LikeTheEmbeddedOne):
    @asynccontextmanager
    async def other(self) -> AsyncIterator[Subject]:
        with embedded_keys() as keys:
            first, second = keys.open_manager(), keys.open_manager()
            members: list[tuple[str, KeyManager]] = [("first", first), ("second", second)]
            manager = ClusterKeyManager(members)
            yield Subject(manager, *KEY_IDS, keys.administrator, lambda: keys.refresh(first, second))
            await manager.aclose()


class TestTransitLikeTheEmbeddedOne(_LikeTheEmbeddedOne):
    examples = 25

    @pytest.fixture(autouse=True)
    def _use(self, tmp_path: Path) -> Iterator[None]:
        with running_server(tmp_path) as server:
            server.do("POST", "sys/mounts/transit", {"type": "transit"})
            server.do("POST", "sys/auth/approle", {"type": "approle"})
            self._server: Server = server
            yield

    @asynccontextmanager
    async def other(self) -> AsyncIterator[Subject]:
        contract = transit.TestTransit()
        contract._server = self._server
        async with contract.subject() as subject:
            yield _without_changes(subject)


class TestKmipLikeTheEmbeddedOne(_LikeTheEmbeddedOne):
    examples = 25

    @pytest.fixture(autouse=True)
    def _use(self, tmp_path: Path) -> Iterator[None]:
        with PyKmipServer(tmp_path) as server:
            self._server = server
            yield

    @asynccontextmanager
    async def other(self) -> AsyncIterator[Subject]:
        async with kmip.subject_at(self._server.setup(KMIP_2_0)) as subject:
            yield _without_changes(subject)


class ForgetfulKeyManager(WatchedManager):
    """Binds no AAD to a ciphertext: what the comparison is there to find."""

    async def encrypt(self, version: KeyVersion, plaintext: bytes, aad: bytes, deadline: Deadline) -> Sealed:
        return await super().encrypt(version, plaintext, b"", deadline)

    async def decrypt(self, version: KeyVersion, sealed: Sealed, aad: bytes, deadline: Deadline) -> bytes:
        return await super().decrypt(version, sealed, b"", deadline)


def test_a_manager_that_binds_no_aad_is_found() -> None:
    class Forgetful(_LikeTheEmbeddedOne):
        examples = 25

        @asynccontextmanager
        async def other(self) -> AsyncIterator[Subject]:
            async with embedded_subject() as subject:
                yield subject._replace(manager=ForgetfulKeyManager(subject.manager))

    with pytest.raises(AssertionError, match=r"Alteration\.AAD: .*CIPHERTEXT_REJECTED"):
        Forgetful().test_random_operations_end_alike_on_both()
