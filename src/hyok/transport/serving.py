"""From endpoints to running servers: start, drain, stop. uvicorn keeps the sockets, the protocol is ours."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import resource
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar, cast

import uvicorn
import uvloop

from hyok.transport.accepting import Acceptor
from hyok.transport.limits import ConnectionLimit, Limits, TimeBudget
from hyok.transport.messages import HttpService
from hyok.transport.server import HttpServer
from hyok.transport.sockets import Address, address_of, listen

T = TypeVar("T")
_log = logging.getLogger("hyok.transport")
_DEFAULT_LIMITS = Limits()
_DEFAULT_BUDGET = TimeBudget()
_LINGER_STEP_SECONDS = 0.02


def _note_nothing(limit: ConnectionLimit) -> None:
    """Leave uncounted what nobody asks for."""


class Endpoint(NamedTuple):
    """One service at one address."""

    name: str
    address: Address
    """Port 0 takes a free one. Without meaning where listening sockets are given."""
    service: HttpService
    tls: ssl.SSLContext | None
    limits: Limits = _DEFAULT_LIMITS
    budget: TimeBudget = _DEFAULT_BUDGET
    note_refused: Callable[[ConnectionLimit], None] = _note_nothing
    """Told of each connection that is closed at once because of a limit."""


class Running:
    """Servers that take requests."""

    def __init__(self, addresses: Mapping[str, Address], servers: Mapping[str, HttpServer]) -> None:
        self._addresses = addresses
        self._servers = servers

    def address(self, name: str) -> Address:
        """Return where the endpoint of this name really listens."""
        return self._addresses[name]

    def open_connections(self) -> Mapping[str, int]:
        """Return how many connections each endpoint has, by its name."""
        return {name: server.open_connections for name, server in self._servers.items()}


class Drain(NamedTuple):
    """How a stop goes."""

    linger_seconds: float = 0.0
    """For connections to bring one more request, whose answer says that it is the last.

    To close an idle connection at once would lose a request that is on its way. Nobody is accepted meanwhile.
    """
    seconds: float = 5.0
    """For answers that are being made; what takes longer is cut."""


_DEFAULT_DRAIN = Drain()


@contextlib.asynccontextmanager
async def serve(
    endpoints: Sequence[Endpoint],
    *,
    listeners: Mapping[str, Sequence[socket.socket]] | None = None,
    drain: Drain = _DEFAULT_DRAIN,
) -> AsyncIterator[Running]:
    """Serve until the block ends; then answer what has come, as `drain` says, and close.

    `listeners` are sockets that listen already, one or more for each endpoint by its name; they are closed with the
    block. Else all sockets are bound before any server starts. Raises OperatorError if one cannot be had.
    """
    with contextlib.ExitStack() as owned:
        if listeners is None:
            listeners = {each.name: [owned.enter_context(listen(each.address))] for each in endpoints}
        else:
            for listener in itertools.chain.from_iterable(listeners.values()):
                owned.enter_context(listener)
        servers = [_UvicornServer(each, listeners[each.name]) for each in endpoints]
        try:
            for server in servers:
                await server.start()
            yield Running(
                {name: address_of(of_one[0]) for name, of_one in listeners.items()},
                {server.endpoint.name: server.http for server in servers},
            )
        finally:
            await asyncio.gather(*(server.stop(drain) for server in servers if server.started))


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a whole program on uvloop, with as many open files as the system lets it have."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return uvloop.run(main)


class _UvicornServer(uvicorn.Server):
    """uvicorn's server of one endpoint, without its signal handlers, its log and its loop that looks around."""

    def __init__(self, endpoint: Endpoint, listeners: Sequence[socket.socket]) -> None:
        self.endpoint = endpoint
        self._listeners = list(listeners)
        self.http = HttpServer(endpoint.service, limits=endpoint.limits, budget=endpoint.budget)
        super().__init__(
            uvicorn.Config(
                _no_application,
                http=cast("type[asyncio.Protocol]", _no_protocol),
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                log_level=logging.CRITICAL,
                access_log=False,
                proxy_headers=False,
            )
        )
        # One set of each, so that uvicorn's drain waits for our connections and answers.
        self.server_state.connections = cast("set[Any]", self.http.connections)
        self.server_state.tasks = cast("set[Any]", self.http.tasks)

    async def start(self) -> None:
        """Take connections from now on."""
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        await self.startup(self._listeners)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Take connections in our own way, which counts them before their TLS handshake."""
        name, tls, note_refused = self.endpoint.name, self.endpoint.tls, self.endpoint.note_refused
        acceptors = [Acceptor(each, self.http, tls, name=name, note_refused=note_refused) for each in sockets or []]
        self.servers = cast("list[asyncio.Server]", acceptors)  # uvicorn closes them as it would close servers
        self.started = True

    async def stop(self, drain: Drain) -> None:
        """Take no more connections, answer what has come, close; cut what takes longer."""
        self.http.is_draining = True
        if drain.linger_seconds:
            await self._linger(drain.linger_seconds)
        try:
            async with asyncio.timeout(drain.seconds):
                await self.shutdown(self._listeners)
        except TimeoutError:
            connections = list(self.http.connections)
            _log.warning(
                "%s: %d connections were cut, %g s after the stop began",
                self.endpoint.name,
                len(connections),
                drain.seconds,
            )
            for connection in connections:
                connection.abort()
            while self.http.connections or self.http.tasks:  # noqa: ASYNC110  # sets tell nobody when they are empty
                await asyncio.sleep(_LINGER_STEP_SECONDS)
        await self._end_handshakes()

    async def _end_handshakes(self) -> None:
        # Who would come through one now would find a service that has stopped.
        for handshake in self.http.handshakes:
            handshake.cancel()
        if self.http.handshakes:
            await asyncio.wait(self.http.handshakes)

    async def _linger(self, seconds: float) -> None:
        for server in self.servers:
            server.close()
        for connection in self.http.connections:
            connection.end_soon()
        began_at = time.monotonic()
        while time.monotonic() - began_at < seconds:
            if not self.http.connections and not self.http.handshakes:
                return
            await asyncio.sleep(_LINGER_STEP_SECONDS)


def _no_protocol(**_: object) -> asyncio.BaseProtocol:
    """Stand where uvicorn expects what makes a protocol; connections are made by our acceptor."""
    raise NotImplementedError


async def _no_application(scope: object, receive: object, send: object) -> None:
    """Stand where uvicorn expects an ASGI application; our protocol never calls one."""
