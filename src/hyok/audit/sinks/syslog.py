"""A syslog server: messages of RFC 5424 over TLS (RFC 5425).

Syslog has no answer by which a message is known to have come. A batch counts as taken when the other end's TCP has
acknowledged its last byte; if the connection breaks before, all of the batch is sent again.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
import struct
import termios
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from hyok.audit.formats import encode_checkpoint
from hyok.audit.sinks.interface import SignedState, SinkError
from hyok.transport.sockets import Address
from hyok.transport.tls import TlsSetup

PRIORITY: Final = 13 * 8 + 6
"""Facility log audit, severity informational."""
_PATIENCE_SECONDS: Final = 15.0
_CLOSING_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 0.005


class SyslogSink:
    """Keeps one connection, and makes a new one when it breaks."""

    def __init__(self, address: Address, *, server_name: str, tls: TlsSetup) -> None:
        self._address = address
        self._server_name = server_name
        self._tls = tls
        self._writer: asyncio.StreamWriter | None = None
        self._reader: asyncio.StreamReader | None = None

    async def send_records(self, messages: Sequence[bytes]) -> None:
        """Send each as a message. SinkError."""
        await self._send([frame_message(message, "record") for message in messages])

    async def send_checkpoints(self, states: Sequence[SignedState]) -> None:
        """Send each as a message of one JSON line. SinkError."""
        await self._send(
            [frame_message(encode_checkpoint(state.place.name, state.note), "checkpoint") for state in states]
        )

    async def aclose(self) -> None:
        """Close the connection."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(_CLOSING_SECONDS):
                    await writer.wait_closed()

    async def _send(self, frames: Sequence[bytes]) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                writer = await self._connected()
                writer.write(b"".join(frames))
                await writer.drain()
                await self._acknowledged(writer)
        except (OSError, TimeoutError) as error:
            await self.aclose()
            reason = "it does not take what is sent" if isinstance(error, TimeoutError) else str(error)
            raise SinkError(f"the syslog server {self._address}: {reason}") from error

    async def _connected(self) -> asyncio.StreamWriter:
        if self._writer is not None and self._reader is not None and not self._reader.at_eof():
            return self._writer
        await self.aclose()
        self._reader, self._writer = await asyncio.open_connection(
            self._address.host, self._address.port, ssl=self._tls.context, server_hostname=self._server_name
        )
        return self._writer

    async def _acknowledged(self, writer: asyncio.StreamWriter) -> None:
        transport = writer.transport
        connected: socket.socket = transport.get_extra_info("socket")
        while True:
            if transport.is_closing() or (self._reader is not None and self._reader.at_eof()):
                raise ConnectionResetError("it closed the connection")
            if not transport.get_write_buffer_size() and not _unacknowledged_bytes(connected.fileno()):
                return
            await asyncio.sleep(_LOOK_SECONDS)


def frame_message(content: bytes, kind: str) -> bytes:
    """Make a message of RFC 5424 with its length before it, as RFC 5425 wants it."""
    time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    host = socket.gethostname() or "-"
    head = f"<{PRIORITY}>1 {time} {host} hyok {os.getpid()} {kind} - ".encode()
    return b"%d %b" % (len(head) + len(content), head + content)


def _unacknowledged_bytes(descriptor: int) -> int:
    answer = fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4))
    (count,) = struct.unpack("i", answer)
    return int(count)
