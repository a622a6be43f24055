"""What the tests do with a manager."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from hyok.clock import Deadline, deadline_in
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import KeyVersion, Sealed
from hyok.keymanagers.pkcs11.manager import Pkcs11KeyManager
from hyok.keymanagers.pkcs11.modules import Module
from hyok.keymanagers.pkcs11.opening import TokenAccess
from hyok.keymanagers.pkcs11.setup import Pkcs11Setup


def soon() -> Deadline:
    return deadline_in(5)


@asynccontextmanager
async def open_manager(
    module: Module, access: TokenAccess, *, sessions: int = 8, queue_length: int = 64, is_connected: bool = True
) -> AsyncIterator[Pkcs11KeyManager]:
    manager = Pkcs11KeyManager(Pkcs11Setup("hsm", module, access, sessions=sessions, queue_length=queue_length))
    try:
        if is_connected:
            await asyncio.to_thread(manager.connect)
        yield manager
    finally:
        await manager.aclose()


async def seal(
    manager: Pkcs11KeyManager, plaintext: bytes = b"plaintext", aad: bytes = b"aad", *, key_id: str = "key"
) -> tuple[KeyVersion, Sealed]:
    version = await manager.active_version(key_id, soon())
    return version, await manager.encrypt(version, plaintext, aad, soon())


async def failure_of(call: Awaitable[object]) -> KeyManagerFailure:
    with pytest.raises(KeyManagerError) as caught:
        await call
    return caught.value.failure


async def eventually(is_so: Callable[[], Awaitable[bool]], *, seconds: float) -> None:
    """Wait until something holds; fail if it does not in time."""
    deadline = deadline_in(seconds)
    while not await is_so():
        assert asyncio.get_running_loop().time() < deadline, "it has not come about in time"
        await asyncio.sleep(0.02)
