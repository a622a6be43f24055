"""Stand-ins for the two neighbours of a connection: the service above, the event loop's transport below."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from hyok.transport.messages import HttpRequest, HttpResponse, Peer, Refusal

Answer = Callable[[HttpRequest], Awaitable[HttpResponse]]


async def answer_with_target(request: HttpRequest) -> HttpResponse:
    """Answer at once with what was asked for."""
    return HttpResponse(200, request.target)


class ScriptedService:
    """A service that answers as told and remembers what it saw."""

    def __init__(self, answer: Answer = answer_with_target) -> None:
        self._answer = answer
        self.requests: list[HttpRequest] = []
        self.refusals: list[Refusal] = []
        self.releases = 0
        self.unsafe: Exception | None = None
        """What `before_answers_leave` raises."""
        self.syncs: list[asyncio.Future[None] | None] = []
        """What it returns, one after another."""

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer as told."""
        self.requests.append(request)
        return await self._answer(request)

    def refuse(self, refusal: Refusal, peer: Peer) -> HttpResponse:
        """Say which refusal it is."""
        assert peer.address
        self.refusals.append(refusal)
        return HttpResponse(refusal.value, refusal.name.encode())

    def before_answers_leave(self) -> asyncio.Future[None] | None:
        """Count the releases, or fail as told, or have the answers wait."""
        self.releases += 1
        if self.unsafe is not None:
            raise self.unsafe
        return self.syncs.pop(0) if self.syncs else None

    def answer_failed(self) -> HttpResponse:
        """Give an internal error."""
        return HttpResponse(500, b"failed")


def deliver(protocol: asyncio.BufferedProtocol, data: bytes) -> None:
    """Let data come in, as an event loop does."""
    while data:
        buffer = memoryview(protocol.get_buffer(len(data)))
        piece, data = data[: len(buffer)], data[len(buffer) :]
        buffer[: len(piece)] = piece
        protocol.buffer_updated(len(piece))


class RecordingTransport(asyncio.Transport):
    """Keeps what is written; its state is there to be looked at."""

    def __init__(self, protocol: asyncio.BaseProtocol, *, address: tuple[str, int] = ("192.0.2.1", 5000)) -> None:
        super().__init__({"peername": address})
        self._protocol = protocol
        self.written = bytearray()
        self.is_closed = self.is_aborted = self._is_paused = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        assert not self.is_closed
        self.written += data

    def take(self) -> bytes:
        """Return what was written since the last call."""
        written = bytes(self.written)
        self.written.clear()
        return written

    def pause_reading(self) -> None:
        """Note it."""
        self._is_paused = True

    def resume_reading(self) -> None:
        """Note it."""
        self._is_paused = False

    def is_reading(self) -> bool:
        """Whether data would come in."""
        return not self._is_paused

    def is_closing(self) -> bool:
        """Whether it was closed or aborted."""
        return self.is_closed

    def close(self) -> None:
        """Tell the protocol in the next turn, as transports do."""
        if not self.is_closed:
            self.is_closed = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        """Close at once."""
        self.is_aborted = True
        self.close()
