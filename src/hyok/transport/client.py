"""A client's pool of HTTP/1.1 connections to one server."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Coroutine
from typing import Any

from hyok.clock import Deadline
from hyok.transport.client_connection import ClientConnection
from hyok.transport.exchange import ClientLimits, Headers, HttpAnswer, encode_request
from hyok.transport.pool import ConnectionPool
from hyok.transport.sockets import Address


class HttpClientPool:
    """Sends requests to one server. Only those that may be repeated; all those of the XKS proxy API may."""

    def __init__(
        self,
        address: Address,
        *,
        server_name: str,
        tls: ssl.SSLContext | None,
        limits: ClientLimits | None = None,
    ) -> None:
        """Make a pool that connects to `address` and asks there for the certificate of `server_name`."""
        limits = limits or ClientLimits()

        def make_connection(pool: ConnectionPool[HttpAnswer]) -> ClientConnection:
            return ClientConnection(pool, loop=asyncio.get_running_loop(), answer_bytes=limits.answer_bytes)

        self._pool = ConnectionPool(
            address, server_name=server_name, tls=tls, limits=limits, make_connection=make_connection
        )

    @property
    def peer_certificate(self) -> bytes | None:
        """The server's certificate in DER, as of the last handshake."""
        return self._pool.peer_certificate

    def exchange(
        self, *, method: bytes, target: bytes, headers: Headers, body: bytes, deadline: Deadline
    ) -> Coroutine[Any, Any, HttpAnswer]:
        """Send a request and return its answer; name look-up, TCP and TLS are within the deadline too.

        `headers` must have `host`; `content-length` is added. HEAD is not for this client. Raises TransportError. Runs
        outside a task as well.
        """
        payload = encode_request(method=method, target=target, headers=headers, body=body)
        return self._pool.exchange(payload, deadline)

    async def aclose(self) -> None:
        """Close all connections; exchanges under way end with NO_CONNECTION."""
        await self._pool.aclose()
