"""Listening sockets, and what an operator reads when one cannot be had."""

from __future__ import annotations

import errno
import socket
from typing import NamedTuple

from hyok.errors import OperatorError

_BACKLOG = 1024


class Address(NamedTuple):
    """Where a server listens or is to be found."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def listen(address: Address) -> socket.socket:
    """Return a listening TCP socket; port 0 takes a free one. Raises OperatorError that says what to do.

    TCP_NODELAY is set on it, so that accepted sockets have it from their first packet, the TLS handshake's.
    """
    family, _, _, _, place = _resolve(address)
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(place)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise OperatorError(f"cannot listen on {address}: {_advice(error, address)}") from error
    listener.setblocking(False)
    return listener


def address_of(listener: socket.socket) -> Address:
    """Return where a socket really listens."""
    host, port, *_ = listener.getsockname()
    return Address(host, port)


def _resolve(address: Address) -> tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int]]:
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise OperatorError(f"cannot listen on {address}: {address.host!r} is no address of this machine") from error
    return found[0]  # type: ignore[return-value]  # an IPv6 place has two more members, which bind takes as well


def _advice(error: OSError, address: Address) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"another program listens there (`ss -ltnp sport = :{address.port}` names it); "
            "stop it or choose another port"
        )
    if error.errno == errno.EACCES:
        return (
            f"port {address.port} is for privileged programs; give this one CAP_NET_BIND_SERVICE (systemd: "
            "AmbientCapabilities=CAP_NET_BIND_SERVICE) or choose a port from 1024 up"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return f"no interface of this machine has the address {address.host}"
    return error.strerror or type(error).__name__
