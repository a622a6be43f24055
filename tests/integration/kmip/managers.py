"""Running a scenario with a key manager, and looking at how a call fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from hyok.clock import Deadline, deadline_in
from hyok.keymanagers.errors import KeyManagerError
from hyok.keymanagers.interface import KeyUsage
from hyok.keymanagers.kmip.manager import KmipKeyManager
from hyok.keymanagers.kmip.setup import KmipSetup

T = TypeVar("T")
BOTH = frozenset(KeyUsage)


def soon() -> Deadline:
    return deadline_in(5)


@asynccontextmanager
async def managing(setup: KmipSetup) -> AsyncIterator[KmipKeyManager]:
    manager = KmipKeyManager(setup)
    try:
        yield manager
    finally:
        await manager.aclose()


def play(setup: KmipSetup, scenario: Callable[[KmipKeyManager], Coroutine[Any, Any, T]]) -> T:
    """Run a scenario with a key manager on a loop of its own; nothing is left running after it."""

    async def main() -> T:
        async with managing(setup) as manager:
            result = await scenario(manager)
        await asyncio.sleep(0)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, left
        return result

    return asyncio.run(main())


async def failure(call: Awaitable[object]) -> KeyManagerError:
    """Return how a call fails."""
    try:
        await call
    except KeyManagerError as error:
        return error
    raise AssertionError("the call did not fail")
