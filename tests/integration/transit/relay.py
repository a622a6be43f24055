"""A second way to a server, which can break: TCP in, TCP out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Relay:
    """Passes connections on to a port of this machine, as long as it is told to."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._passing = asyncio.Event()
        self._passing.set()
        self.port = 0
        self.connections = 0

    async def begin(self) -> None:
        """Take connections, on the same port each time."""
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def end(self) -> None:
        """Break all connections and refuse new ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()
        self._passing.set()
        await asyncio.sleep(0.01)

    def cut(self) -> None:
        """Break all connections; new ones are taken."""
        for writer in tuple(self._open):
            writer.transport.abort()

    def swallow(self) -> None:
        """Pass nothing on any more, either way."""
        self._passing.clear()

    def resume(self) -> None:
        """Pass on what was swallowed, and what comes."""
        self._passing.set()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        target_reader, target_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        self._open |= {writer, target_writer}
        try:
            await asyncio.gather(self._pass_on(reader, target_writer), self._pass_on(target_reader, writer))
        finally:
            for each in (writer, target_writer):
                self._open.discard(each)
                each.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, RuntimeError):  # the latter is uvloop's, of a connection that was cut meanwhile
            while part := await reader.read(65536):
                await self._passing.wait()
                writer.write(part)
                await writer.drain()
        writer.transport.abort()


@asynccontextmanager
async def relaying(target_port: int) -> AsyncIterator[Relay]:
    """Relay to a port for the length of the block."""
    relay = Relay(target_port)
    await relay.begin()
    try:
        yield relay
    finally:
        await relay.end()
