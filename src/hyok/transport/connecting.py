"""From a name to a connection: DNS, TCP, TLS, each of which fails in its own way."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hyok.clock import NO_DEADLINE, Deadline, remaining_seconds
from hyok.transport.exchange import TransportError, TransportFailure
from hyok.transport.sockets import Address
from hyok.transport.tls import explain

P = TypeVar("P", bound=asyncio.BaseProtocol)
_CLOSING_SECONDS = 1.0
_OUR_FAULTS = frozenset(
    (errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
)
"""No way out of this machine, or nothing left to go it with, whoever is at the other end."""
_Place = tuple[socket.AddressFamily, Any]  # the second member is what `connect` takes for that family


async def connect(
    make_protocol: Callable[[], P],
    address: Address,
    *,
    tls: ssl.SSLContext | None,
    server_name: str,
    deadline: Deadline,
) -> P:
    """Return a protocol that is connected. `server_name` is what the server's certificate must say.

    Raises TransportError: NO_CONNECTION or NO_NETWORK up to and with TCP, also when that takes until the deadline;
    after that NO_TLS or TIMED_OUT. Runs in a task of its own.
    """
    connected = await _open_tcp(address, deadline)
    try:
        async with asyncio.timeout(_seconds(deadline)):
            _, protocol = await asyncio.get_running_loop().create_connection(
                make_protocol,
                sock=connected,
                ssl=tls,
                server_hostname=server_name if tls else None,
                ssl_shutdown_timeout=_CLOSING_SECONDS if tls else None,
            )
    except TimeoutError as error:
        raise TransportError(TransportFailure.TIMED_OUT, f"the TLS handshake with {address} was not done") from error
    except ssl.SSLError as error:
        raise TransportError(TransportFailure.NO_TLS, f"{server_name} at {address}: {explain(error)}") from error
    except OSError as error:
        detail = f"{server_name} at {address} closed the connection during the handshake"
        raise TransportError(TransportFailure.NO_TLS, detail) from error
    return protocol


async def _open_tcp(address: Address, deadline: Deadline) -> socket.socket:
    try:
        async with asyncio.timeout(_seconds(deadline)):
            places = await _resolve(address)
    except (TimeoutError, OSError) as error:
        raise TransportError(TransportFailure.NO_CONNECTION, f"{address.host} has no address") from error
    failure: Exception | None = None
    for untried, place in zip(range(len(places), 0, -1), places, strict=True):
        try:
            # An address that swallows packets must not use up the time of the others.
            async with asyncio.timeout(_seconds(deadline, untried)):
                return await _open_socket(place)
        except (TimeoutError, OSError) as error:
            failure = error
    is_ours = isinstance(failure, OSError) and failure.errno in _OUR_FAULTS
    kind = TransportFailure.NO_NETWORK if is_ours else TransportFailure.NO_CONNECTION
    raise TransportError(kind, f"{address}: {_reason(failure)}") from failure


async def _resolve(address: Address) -> Sequence[_Place]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    return [(family, place) for family, _, _, _, place in found]


async def _open_socket(place: _Place) -> socket.socket:
    opened = socket.socket(place[0], socket.SOCK_STREAM)
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(opened, place[1])
    except BaseException:
        opened.close()
        raise
    return opened


def _seconds(deadline: Deadline, shares: int = 1) -> float | None:
    return None if deadline == NO_DEADLINE else max(0.0, remaining_seconds(deadline)) / shares


def _reason(error: Exception | None) -> str:
    if isinstance(error, TimeoutError):
        return "no answer to the attempt to connect"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return "no address"
