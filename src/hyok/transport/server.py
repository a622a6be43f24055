"""What the connections of one listening address share: the service, the limits, the sweep."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

from hyok.transport.connection import HttpConnection
from hyok.transport.limits import ConnectionLimit, Limits, TimeBudget, counted_address
from hyok.transport.messages import HttpResponse, HttpService
from hyok.transport.responses import ResponseEncoder
from hyok.transport.sockets import Address
from hyok.transport.turn import Turn

# Without a buffer of ours the event loop makes and cuts down a string of 256 KiB for every read of TLS: three system
# calls for each request.
_BUFFER_BYTES = 64 * 1024
_LONGEST_SWEEP_SECONDS = 1.0  # the `date` header must be right to the second
_SHORTEST_SWEEP_SECONDS = 0.02


class HttpServer:
    """Serves one `HttpService` over HTTP/1.1. Made inside the running loop that serves it."""

    def __init__(self, service: HttpService, *, limits: Limits, budget: TimeBudget) -> None:
        self.service = service
        self.limits = limits
        self.budget = budget
        self.loop = asyncio.get_running_loop()
        self.encoder = ResponseEncoder(time.time())
        self.turn = Turn(service, self.encoder, self.loop)
        self.buffer = memoryview(bytearray(_BUFFER_BYTES))
        """Where the bytes of whichever connection is being read are."""
        self.connections: set[HttpConnection] = set()
        self.handshakes: set[asyncio.Task[None]] = set()
        """Of connections that are not there yet."""
        self.tasks: set[asyncio.Task[HttpResponse]] = set()
        """The answers that wait for something."""
        self.is_draining = False
        """No new connections; those there are close after their answers."""
        self._counted: dict[HttpConnection, str] = {}
        """With the address that each counts for."""
        self._per_address: Counter[str] = Counter()
        self._is_sweeping = False
        self._sweep_seconds = _sweep_seconds(limits)

    @property
    def open_connections(self) -> int:
        """How many there are, those whose handshake is under way included."""
        return len(self._counted)

    def admit(self, client: Address) -> HttpConnection | ConnectionLimit:
        """Return the protocol for a connection that was just accepted, and count it; or the limit that forbids it."""
        limits = self.limits
        if len(self._counted) >= limits.connections:
            return ConnectionLimit.ALL
        address = counted_address(client.host)
        if self._per_address[address] >= limits.connections_per_address:
            return ConnectionLimit.ADDRESS
        connection = HttpConnection(self, client)
        self._counted[connection] = address
        self._per_address[address] += 1
        return connection

    def enter(self, connection: HttpConnection) -> None:
        """Watch over a connection that was admitted and may bring requests now."""
        self.connections.add(connection)
        if not self._is_sweeping:
            self._is_sweeping = True
            self._sweep_later()

    def forget(self, connection: HttpConnection) -> None:
        """Count a connection no more."""
        self.connections.discard(connection)
        address = self._counted.pop(connection, None)
        if address is not None:
            self._per_address[address] -= 1
            if not self._per_address[address]:
                del self._per_address[address]

    def _sweep_later(self) -> None:
        self.encoder.set_date(time.time())
        self.loop.call_later(self._sweep_seconds, self._sweep)

    def _sweep(self) -> None:
        # One timer for all connections: their timeouts are coarse and cost a request nothing.
        now = time.monotonic()
        for connection in [each for each in self.connections if each.expires_at <= now]:
            connection.expire(now)
        self._is_sweeping = bool(self.connections)
        if self._is_sweeping:
            self._sweep_later()


def _sweep_seconds(limits: Limits) -> float:
    shortest = min(limits.head_seconds, limits.message_seconds, limits.idle_seconds, limits.closing_seconds)
    return max(_SHORTEST_SWEEP_SECONDS, min(_LONGEST_SWEEP_SECONDS, shortest / 4))
