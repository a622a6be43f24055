"""A key manager with a fault that a test turns on and off."""

from __future__ import annotations

import asyncio
from enum import Enum

from hyok.clock import Deadline
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import KeyDescription, KeyManager, KeyVersion, MemberHealth, Sealed


class Fault(Enum):
    NONE = "none"
    SLOW = "slow"
    HANGS = "hangs"
    UNAVAILABLE = "unavailable"


class FaultyKeyManager:
    """Does what the real one does, late, never, or not at all."""

    def __init__(self, manager: KeyManager, fault: Fault = Fault.NONE, *, seconds: float = 0.1) -> None:
        self.manager = manager
        self.fault = fault
        self.seconds = seconds
        self.calls = 0

    @property
    def vendor(self) -> str:
        return self.manager.vendor

    async def describe_key(self, key_id: str, deadline: Deadline) -> KeyDescription:
        await self._suffer()
        return await self.manager.describe_key(key_id, deadline)

    async def active_version(self, key_id: str, deadline: Deadline) -> KeyVersion:
        await self._suffer()
        return await self.manager.active_version(key_id, deadline)

    async def encrypt(self, version: KeyVersion, plaintext: bytes, aad: bytes, deadline: Deadline) -> Sealed:
        await self._suffer()
        return await self.manager.encrypt(version, plaintext, aad, deadline)

    async def decrypt(self, version: KeyVersion, sealed: Sealed, aad: bytes, deadline: Deadline) -> bytes:
        await self._suffer()
        return await self.manager.decrypt(version, sealed, aad, deadline)

    async def check_health(self, deadline: Deadline) -> tuple[MemberHealth, ...]:
        await self._suffer()
        return await self.manager.check_health(deadline)

    async def aclose(self) -> None:
        await self.manager.aclose()

    async def _suffer(self) -> None:
        self.calls += 1
        match self.fault:
            case Fault.NONE:
                return
            case Fault.SLOW:
                # A plain future, as the interface asks for: the call may have begun outside a task.
                loop = asyncio.get_running_loop()
                awaited: asyncio.Future[None] = loop.create_future()
                loop.call_later(self.seconds, _wake, awaited)
                await awaited
            case Fault.HANGS:
                await asyncio.get_running_loop().create_future()
            case Fault.UNAVAILABLE:
                raise KeyManagerError(KeyManagerFailure.UNAVAILABLE, "turned off by the test")


def _wake(awaited: asyncio.Future[None]) -> None:
    if not awaited.done():
        awaited.set_result(None)
