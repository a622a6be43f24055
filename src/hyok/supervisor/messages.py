"""What a parent and its worker tell one another: one JSON line each, over a pair of sockets that only they have.

The first line is the parent's orders, and with them the keys: they are in no argument, variable or file, they can be
read once, and unlike a pipe's or a memory file's, a socket's content cannot be opened again through /proc. A `Secret`
is Base64 on this wire and nowhere else.
"""

from __future__ import annotations

import asyncio
import base64
import socket
from typing import Final, Generic, TypeVar

import msgspec

from hyok.custody.safe import SafeKey
from hyok.metrics.report import ProcessReport
from hyok.secret import Secret
from hyok.transport.reloading import CheckedTls

_MOST_BYTES: Final = 8 * 1024 * 1024
"""Of one message: a configuration and three PEM files of the largest size, in Base64."""


class Orders(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """What a worker needs to serve."""

    configuration: bytes
    """The file's content as the parent read it: all workers of one parent obey the same."""
    configuration_file: str | None
    """Where it was: relative paths in it are relative to there."""
    safe_key: SafeKey
    tls: CheckedTls
    listeners: dict[str, tuple[int, ...]]
    """Inherited descriptors of listening sockets, by the endpoint's name."""
    instance: str
    """The name of this parent with its workers among the proxies of one storage."""
    quotas: int
    """The inherited descriptor of the table of quotas."""


class ReplaceTls(msgspec.Struct, frozen=True, tag=True):
    """Serve new connections with this."""

    tls: CheckedTls


class Stop(msgspec.Struct, frozen=True, tag=True):
    """Accept nobody, answer what has come, end."""


class Ready(msgspec.Struct, frozen=True, tag=True):
    """I serve."""


class Beat(msgspec.Struct, frozen=True, tag=True):
    """My loop turns: sent by the loop that serves, every `BEAT_SECONDS`."""


class Report(msgspec.Struct, frozen=True, tag=True):
    """What I have counted since the last report, and how I am: with each beat, and once more when all is answered."""

    report: ProcessReport


class TlsKept(msgspec.Struct, frozen=True, tag=True):
    """I could not replace what I serve with."""

    reason: str


class Stopping(msgspec.Struct, frozen=True, tag=True):
    """I accept nobody any more; there are no more beats."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """I end, for this reason: a sentence for the operator."""

    reason: str


BEAT_SECONDS: Final = 1.0

FromParent = Orders | ReplaceTls | Stop
FromWorker = Ready | Beat | Report | TlsKept | Stopping | Failed
Message = FromParent | FromWorker

_FROM_PARENT: Final[msgspec.json.Decoder[FromParent]] = msgspec.json.Decoder(
    FromParent, dec_hook=lambda _type, text: Secret(base64.b64decode(text))
)
_FROM_WORKER: Final[msgspec.json.Decoder[FromWorker]] = msgspec.json.Decoder(FromWorker)
_ENCODER: Final = msgspec.json.Encoder(enc_hook=lambda secret: secret.reveal())

ReceivedT = TypeVar("ReceivedT")


class Channel(Generic[ReceivedT]):
    """One end. What cannot be sent, because the other end is gone, is dropped: `receive` tells of it."""

    def __init__(
        self, decoder: msgspec.json.Decoder[ReceivedT], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._decoder = decoder
        self._reader = reader
        self._writer = writer

    def send(self, message: Message) -> None:
        """Send without waiting."""
        if not self._writer.is_closing():
            self._writer.write(_ENCODER.encode(message) + b"\n")

    async def receive(self) -> ReceivedT | None:
        """Return the next message; None once the other end is gone."""
        try:
            return self._decoder.decode(await self._reader.readuntil(b"\n"))
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, msgspec.MsgspecError):
            return None  # who speaks another language is as good as gone

    async def close(self) -> None:
        """Close, once what was sent has left."""
        self._writer.close()
        await asyncio.gather(self._writer.wait_closed(), return_exceptions=True)


async def open_parents_end(connected: socket.socket) -> Channel[FromWorker]:
    """Open the end that a parent keeps."""
    return Channel(_FROM_WORKER, *await _streams(connected))


async def open_workers_end(connected: socket.socket) -> Channel[FromParent]:
    """Open the end that a worker inherited."""
    return Channel(_FROM_PARENT, *await _streams(connected))


async def _streams(connected: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    connected.setblocking(False)
    return await asyncio.open_unix_connection(sock=connected, limit=_MOST_BYTES)
