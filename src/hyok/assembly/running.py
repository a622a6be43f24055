"""How services run: work in the background, and the wait for the signal to stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager

from hyok.transport.serving import Endpoint, serve

_log = logging.getLogger("hyok")


async def serve_until_stopped(endpoint: Endpoint) -> None:
    """Serve until SIGTERM or SIGINT, then answer what has come, and close."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with serve([endpoint]) as running:
        # After the bind: a signal that comes earlier ends a start that has not happened yet.
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        _log.info("%s serves on %s", endpoint.name, running.address(endpoint.name))
        await stopped.wait()
        _log.info("%s stops: it answers what has come, then closes", endpoint.name)


@contextmanager
def loading() -> Iterator[None]:
    """Load what stays in memory. No garbage collection goes through it from then on.

    One that went through a million keys would hold up all requests for as long as AWS KMS waits for one.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


@asynccontextmanager
async def background(*work: Coroutine[object, None, None]) -> AsyncIterator[None]:
    """Run what never ends by itself for the length of the block; a failure of it ends the block."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in work]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
