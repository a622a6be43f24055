"""How much, and for how long, a server listens to one client before any service has seen its request."""

from __future__ import annotations

from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

import msgspec

_HOST_BITS: Final = 64
"""Of an IPv6 address: whoever has one has all that share the other 64."""


class ConnectionLimit(Enum):
    """Which limit on open connections is met; the value is its name in metrics."""

    ALL = "all"
    ADDRESS = "address"


def counted_address(host: str) -> str:
    """Return as whose a connection from this IP address counts: an IPv4 address, or the /64 of an IPv6 address.

    A client on IPv6 has a whole /64 to connect from. IPv4 clients of a socket for both are `::ffff:…` (RFC 4291
    2.5.5.2), and are IPv4 clients nevertheless.
    """
    address = ip_address(host)
    if isinstance(address, IPv4Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    network = int(address) >> _HOST_BITS << _HOST_BITS
    return f"{IPv6Address(network)}/{128 - _HOST_BITS}"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one server accepts. All of it acts before authentication."""

    head_bytes: int = 16 * 1024
    """Request line and headers together; also the most of a chunked body's framing between two pieces of content."""
    header_count: int = 64
    body_bytes: int = 128 * 1024
    pipelined_requests: int = 16
    """Whole requests that may wait behind one that is being answered before the connection is read no further."""

    handshake_seconds: float = 5.0
    """For the TLS handshake."""
    head_seconds: float = 5.0
    """From a request's first byte to the end of its head."""
    message_seconds: float = 15.0
    """From a request's first byte to the end of its body."""
    idle_seconds: float = 300.0
    """From one answer to the next request, and from the handshake to the first."""
    closing_seconds: float = 2.0
    """For a client to read the last answer and to close; then the connection is cut."""

    requests_per_connection: int = 10_000
    """Connections end now and then, so that load spreads over workers again."""
    connections: int = 4096
    """Counted from accept on; one too many is closed before its TLS handshake."""
    connections_per_address: int = 1024
    """Generous: behind a load balancer all clients share its few addresses. `counted_address` tells what one is."""


class TimeBudget(msgspec.Struct, frozen=True, kw_only=True):
    """From which the deadline of each request is made. The defaults are AWS KMS's patience less the network's share."""

    request_seconds: float = 0.2
    """From a request's first byte."""
    first_request_seconds: float = 0.14
    """From accept, on a connection's first request: TCP and TLS have used up a part of what the client allows."""
    call_seconds: float = 0.25
    """What a client allows one call in all.

    A first request that comes later than this after accept belongs to a connection that was opened ahead of need; it
    counts from its own first byte.
    """
