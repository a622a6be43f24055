"""A cluster keeps the contract of all key managers, whichever way it chooses, and while a member is down."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hyok.keymanagers.cluster.manager import Choice, ClusterKeyManager
from hyok.keymanagers.interface import KeyManager
from hyok.testing.key_managers import KeyManagerContract, Subject
from tests.contract.subjects import KEY_IDS, embedded_keys
from tests.unit.keymanagers.cluster.faulty import Fault, FaultyKeyManager


class TestOrderedCluster(KeyManagerContract):
    choice = Choice.ORDERED

    @asynccontextmanager
    async def subject(self) -> AsyncIterator[Subject]:
        with embedded_keys() as keys:
            real = [keys.open_manager(), keys.open_manager(), keys.open_manager()]
            members: list[tuple[str, KeyManager]] = [
                (f"m{number}", self.member(one)) for number, one in enumerate(real)
            ]
            manager = ClusterKeyManager(members, choice=self.choice, hedge_after_seconds=0.02)
            yield Subject(manager, *KEY_IDS, keys.administrator, lambda: keys.refresh(*real))
            await manager.aclose()

    def member(self, real: KeyManager) -> KeyManager:
        return real


class TestFastestCluster(TestOrderedCluster):
    choice = Choice.FASTEST


class TestClusterThatWaits(TestOrderedCluster):
    def member(self, real: KeyManager) -> KeyManager:
        return FaultyKeyManager(real, Fault.SLOW, seconds=0.001)
