"""What the transport's integration tests share: a server on a free port, and a client that speaks bytes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import uvloop

from hyok.transport.limits import Limits, TimeBudget
from hyok.transport.messages import HttpService
from hyok.transport.serving import Drain, Endpoint, serve
from hyok.transport.sockets import Address

T = TypeVar("T")
ANY_PORT = Address("127.0.0.1", 0)


def run_briefly(scenario: Callable[[], Coroutine[Any, Any, T]], *, seconds: float = 10.0) -> T:
    """Run a scenario on uvloop; a hang is a failure, and so is what the loop would only have logged."""
    faults: list[dict[str, Any]] = []

    async def main() -> T:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
        async with asyncio.timeout(seconds):
            return await scenario()

    result = uvloop.run(main())
    assert faults == []
    return result


@asynccontextmanager
async def serving(
    service: HttpService,
    *,
    tls: ssl.SSLContext | None = None,
    limits: Limits | None = None,
    budget: TimeBudget | None = None,
    drain_seconds: float = 2.0,
    linger_seconds: float = 0.0,
) -> AsyncIterator[Address]:
    """Serve one service on a free port."""
    endpoint = Endpoint("test", ANY_PORT, service, tls, limits or Limits(), budget or TimeBudget())
    async with serve([endpoint], drain=Drain(linger_seconds, drain_seconds)) as running:
        yield running.address("test")


class RawClient:
    """Sends bytes and reads answers as they come."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        """Send without waiting."""
        self.writer.write(data)

    async def answer(self) -> tuple[int, bytes]:
        """Return the next answer's status and body."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
        return status, await self.reader.readexactly(int(length.split(b":")[1]))

    async def rest(self) -> bytes:
        """Return all that comes until the server closes."""
        return await self.reader.read()


@asynccontextmanager
async def raw_client(
    address: Address, *, tls: ssl.SSLContext | None = None, name: str = "localhost"
) -> AsyncIterator[RawClient]:
    """Connect."""
    reader, writer = await asyncio.open_connection(
        address.host, address.port, ssl=tls, server_hostname=name if tls else None
    )
    try:
        yield RawClient(reader, writer)
    finally:
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)
