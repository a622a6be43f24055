"""When a call crossed each border of the stack, seen from outside: the services themselves carry no stopwatch."""

from __future__ import annotations

import asyncio
import time
from enum import Enum
from typing import NamedTuple

from hyok.clock import Deadline
from hyok.keymanagers.interface import KeyDescription, KeyManager, KeyVersion, MemberHealth, Sealed
from hyok.kms.call import Call
from hyok.kms.key_space import ExternalKeySide
from hyok.kms.values import KmsKey, OuterSealed
from hyok.transport.messages import HttpRequest, HttpResponse, HttpService, Peer, Refusal


class Border(Enum):
    """What a call enters and leaves on its way, from the outermost."""

    KMS = "KMS service"
    OUTER_LAYER = "KMS's outer layer"
    PROXY = "external key store proxy"
    KEY_MANAGER = "external key manager"


class Crossing(NamedTuple):
    """One border crossed: which, inwards or outwards, when (`time.monotonic` seconds) and with how many bytes."""

    border: Border
    is_inward: bool
    at: float
    size_bytes: int


class Stopwatch:
    """Collects the crossings of the call that is under way; the walk-through makes one call at a time."""

    def __init__(self) -> None:
        self.crossings: list[Crossing] = []

    def restart(self) -> None:
        """Forget the call before."""
        self.crossings.clear()

    def note(self, border: Border, *, is_inward: bool, size_bytes: int) -> None:
        """Note that `border` was crossed just now."""
        self.crossings.append(Crossing(border, is_inward, time.monotonic(), size_bytes))


class TimedService:
    """An `HttpService` that notes when a request comes in and its answer goes out."""

    def __init__(self, service: HttpService, border: Border, stopwatch: Stopwatch) -> None:
        self._service = service
        self._border = border
        self._stopwatch = stopwatch

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer as the service does."""
        self._stopwatch.note(self._border, is_inward=True, size_bytes=len(request.body))
        response = await self._service.answer(request)
        self._stopwatch.note(self._border, is_inward=False, size_bytes=len(response.body))
        return response

    def refuse(self, refusal: Refusal, peer: Peer) -> HttpResponse:
        """Refuse as the service does."""
        return self._service.refuse(refusal, peer)

    def before_answers_leave(self) -> asyncio.Future[None] | None:
        """Make the service's records safe."""
        return self._service.before_answers_leave()

    def answer_failed(self) -> HttpResponse:
        """Answer for an answer that may not leave."""
        return self._service.answer_failed()


class TimedExternalKeys:
    """KMS's outer layer, which notes when an inner ciphertext leaves for the proxy and when its counterpart is back."""

    def __init__(self, external_keys: ExternalKeySide, stopwatch: Stopwatch) -> None:
        self._external_keys = external_keys
        self._stopwatch = stopwatch

    async def check_new(self, call: Call, store_id: str, xks_key_id: str) -> None:
        """Check an external key."""
        await self._external_keys.check_new(call, store_id, xks_key_id)

    async def seal(self, call: Call, key: KmsKey, inner: bytes, aad: bytes) -> OuterSealed:
        """Encrypt an inner ciphertext, timed."""
        self._stopwatch.note(Border.OUTER_LAYER, is_inward=True, size_bytes=len(inner))
        outer = await self._external_keys.seal(call, key, inner, aad)
        self._stopwatch.note(Border.OUTER_LAYER, is_inward=False, size_bytes=sum(map(len, outer)))
        return outer

    async def open(self, call: Call, key: KmsKey, outer: OuterSealed, aad: bytes) -> bytes:
        """Decrypt to the inner ciphertext, timed."""
        self._stopwatch.note(Border.OUTER_LAYER, is_inward=True, size_bytes=sum(map(len, outer)))
        inner = await self._external_keys.open(call, key, outer, aad)
        self._stopwatch.note(Border.OUTER_LAYER, is_inward=False, size_bytes=len(inner))
        return inner


class TimedKeyManager:
    """A `KeyManager` that notes when a plaintext or ciphertext goes in and its counterpart comes out."""

    def __init__(self, manager: KeyManager, stopwatch: Stopwatch) -> None:
        self._manager = manager
        self._stopwatch = stopwatch

    @property
    def vendor(self) -> str:
        """The maker's name."""
        return self._manager.vendor

    async def describe_key(self, key_id: str, deadline: Deadline) -> KeyDescription:
        """Describe a key."""
        return await self._manager.describe_key(key_id, deadline)

    async def active_version(self, key_id: str, deadline: Deadline) -> KeyVersion:
        """Return the version that encrypts now."""
        return await self._manager.active_version(key_id, deadline)

    async def encrypt(self, version: KeyVersion, plaintext: bytes, aad: bytes, deadline: Deadline) -> Sealed:
        """Encrypt, timed."""
        self._stopwatch.note(Border.KEY_MANAGER, is_inward=True, size_bytes=len(plaintext))
        sealed = await self._manager.encrypt(version, plaintext, aad, deadline)
        self._stopwatch.note(Border.KEY_MANAGER, is_inward=False, size_bytes=_bytes_of(sealed))
        return sealed

    async def decrypt(self, version: KeyVersion, sealed: Sealed, aad: bytes, deadline: Deadline) -> bytes:
        """Decrypt, timed."""
        self._stopwatch.note(Border.KEY_MANAGER, is_inward=True, size_bytes=_bytes_of(sealed))
        plaintext = await self._manager.decrypt(version, sealed, aad, deadline)
        self._stopwatch.note(Border.KEY_MANAGER, is_inward=False, size_bytes=len(plaintext))
        return plaintext

    async def check_health(self, deadline: Deadline) -> tuple[MemberHealth, ...]:
        """Check health."""
        return await self._manager.check_health(deadline)

    async def aclose(self) -> None:
        """Close."""
        await self._manager.aclose()


def _bytes_of(sealed: Sealed) -> int:
    return len(sealed.ciphertext) + len(sealed.iv) + len(sealed.tag)
