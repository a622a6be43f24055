"""Key managers that misbehave: each wraps a real one and does one thing wrong."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from msgspec import structs

from hyok.clock import Deadline
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure, KeyRotatedError
from hyok.keymanagers.interface import (
    HealthStatus,
    KeyDescription,
    KeyManager,
    KeyVersion,
    MemberHealth,
    Sealed,
    VerifyingKeyManager,
)

T = TypeVar("T")


class WatchedManager:
    """Passes everything on and counts the calls by name."""

    def __init__(self, manager: KeyManager) -> None:
        self.inner = manager
        self.calls: Counter[str] = Counter()

    @property
    def vendor(self) -> str:
        return "Watched Vendor"

    async def describe_key(self, key_id: str, deadline: Deadline) -> KeyDescription:
        self.calls["describe_key"] += 1
        return await self.inner.describe_key(key_id, deadline)

    async def active_version(self, key_id: str, deadline: Deadline) -> KeyVersion:
        self.calls["active_version"] += 1
        return await self.inner.active_version(key_id, deadline)

    async def encrypt(self, version: KeyVersion, plaintext: bytes, aad: bytes, deadline: Deadline) -> Sealed:
        self.calls["encrypt"] += 1
        return await self.inner.encrypt(version, plaintext, aad, deadline)

    async def decrypt(self, version: KeyVersion, sealed: Sealed, aad: bytes, deadline: Deadline) -> bytes:
        self.calls["decrypt"] += 1
        return await self.inner.decrypt(version, sealed, aad, deadline)

    async def check_health(self, deadline: Deadline) -> tuple[MemberHealth, ...]:
        self.calls["check_health"] += 1
        return await self.inner.check_health(deadline)

    async def aclose(self) -> None:
        await self.inner.aclose()


class VerifyingManager(WatchedManager, VerifyingKeyManager):
    """Verifies its encryptions by itself; the first so many come out wrong."""

    def __init__(self, manager: KeyManager, *, rejections: int = 0) -> None:
        super().__init__(manager)
        self.rejections = rejections
        self.verified = 0

    async def encrypt_verified(
        self, version: KeyVersion, plaintext: bytes, aad: bytes, bind: Callable[[Sealed], T], deadline: Deadline
    ) -> tuple[Sealed, T]:
        self.verified += 1
        if self.verified <= self.rejections:
            raise KeyManagerError(KeyManagerFailure.CIPHERTEXT_REJECTED)
        sealed = await self.inner.encrypt(version, plaintext, aad, deadline)
        return sealed, bind(sealed)


class FailingManager(WatchedManager):
    """Fails every use of a key in the same way."""

    def __init__(self, manager: KeyManager, failure: KeyManagerFailure) -> None:
        super().__init__(manager)
        self.failure = failure

    async def describe_key(self, key_id: str, deadline: Deadline) -> KeyDescription:
        raise KeyManagerError(self.failure, "slot 3")

    async def active_version(self, key_id: str, deadline: Deadline) -> KeyVersion:
        raise KeyManagerError(self.failure, "slot 3")

    async def decrypt(self, version: KeyVersion, sealed: Sealed, aad: bytes, deadline: Deadline) -> bytes:
        raise KeyManagerError(self.failure, "slot 3")

    async def check_health(self, deadline: Deadline) -> tuple[MemberHealth, ...]:
        raise KeyManagerError(self.failure, "slot 3")


class RotatingManager(WatchedManager):
    """Says of so many encryptions that their version encrypts no longer."""

    def __init__(self, manager: KeyManager, rotations: int) -> None:
        super().__init__(manager)
        self.rotations = rotations

    async def encrypt(self, version: KeyVersion, plaintext: bytes, aad: bytes, deadline: Deadline) -> Sealed:
        if self.rotations:
            self.rotations -= 1
            raise KeyRotatedError(f"version {version.number} encrypts no longer")
        return await super().encrypt(version, plaintext, aad, deadline)


class DefectiveManager(WatchedManager):
    """Raises what no key manager may, with the plaintext in it."""

    async def encrypt(self, version: KeyVersion, plaintext: bytes, aad: bytes, deadline: Deadline) -> Sealed:
        raise ValueError(f"cannot encrypt {plaintext!r}")


class WaitingManager(WatchedManager):
    """Waits for the loop before each encryption, as every manager behind a network does."""

    def __init__(self, manager: KeyManager, seconds: float) -> None:
        super().__init__(manager)
        self.seconds = seconds
        self.was_cancelled = False

    async def encrypt(self, version: KeyVersion, plaintext: bytes, aad: bytes, deadline: Deadline) -> Sealed:
        self.calls["encrypt"] += 1
        try:
            await asyncio.sleep(self.seconds)
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        return await self.inner.encrypt(version, plaintext, aad, deadline)


class FlippingManager(WatchedManager):
    """Flips a bit of the ciphertext in its first so many encryptions, like broken memory would."""

    def __init__(self, manager: KeyManager, flips: int) -> None:
        super().__init__(manager)
        self.flips = flips

    async def encrypt(self, version: KeyVersion, plaintext: bytes, aad: bytes, deadline: Deadline) -> Sealed:
        sealed = await super().encrypt(version, plaintext, aad, deadline)
        if self.calls["encrypt"] > self.flips:
            return sealed
        return structs.replace(sealed, ciphertext=bytes([sealed.ciphertext[0] ^ 1]) + sealed.ciphertext[1:])


class WrongAnswerManager(WatchedManager):
    """Decrypts to something else without noticing."""

    async def decrypt(self, version: KeyVersion, sealed: Sealed, aad: bytes, deadline: Deadline) -> bytes:
        return bytes(len(await super().decrypt(version, sealed, aad, deadline)))


class ReportingManager(WatchedManager):
    """Reports members as it is told to."""

    def __init__(self, manager: KeyManager, *statuses: HealthStatus) -> None:
        super().__init__(manager)
        self.statuses = statuses

    async def check_health(self, deadline: Deadline) -> tuple[MemberHealth, ...]:
        self.calls["check_health"] += 1
        return tuple(MemberHealth(f"member-{n}", "Model 1", status) for n, status in enumerate(self.statuses))
