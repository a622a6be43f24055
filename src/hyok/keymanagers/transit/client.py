"""HTTP to the servers of one cluster: which of them is asked, for how long, and who is asked next.

Everything here runs in tasks of the key manager's own: aiohttp's timeouts need the current task.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import aiohttp

from hyok.clock import NO_DEADLINE, Deadline, remaining_seconds
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.transit.setup import TransitSetup
from hyok.keymanagers.transit.wire import Answer
from hyok.secret import Secret

MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
"""Several times the answer to the largest batch."""
_CONNECTIONS_PER_SERVER: Final = 64
_KEPT_SECONDS: Final = 60.0
_TOKEN_HEADER: Final = "X-Vault-Token"  # noqa: S105  # the name of a header
_NAMESPACE_HEADER: Final = "X-Vault-Namespace"


class Request(NamedTuple):
    """A request of the HTTP API."""

    method: str
    path: str
    """Beginning with `/v1/`."""
    body: bytes = b""
    is_repeatable: bool = True
    """Whether it does no harm if it is carried out twice."""
    is_in_namespace: bool = True
    """`sys/health` is known in the root namespace only."""


class NoAnswerError(KeyManagerError):
    """A server gave no answer: UNAVAILABLE or TIMED_OUT."""

    def __init__(self, failure: KeyManagerFailure, detail: str, *, was_sent: bool) -> None:
        super().__init__(failure, detail)
        self.was_sent = was_sent
        """Whether the server may have carried out the request all the same."""


class TransitClient:
    """Sends requests to a cluster: to the server that answered last time, else to the next."""

    def __init__(self, setup: TransitSetup) -> None:
        """Open nothing yet. Needs a running loop."""
        self._servers = setup.servers
        self._preferred = 0
        self._namespace = {_NAMESPACE_HEADER: setup.namespace} if setup.namespace else {}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=setup.tls.context if setup.tls else True,
                limit=0,
                limit_per_host=_CONNECTIONS_PER_SERVER,
                keepalive_timeout=_KEPT_SECONDS,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            # X-Vault-Request: what agents ask for as a proof that no browser was tricked into the request.
            headers={"X-Vault-Request": "true", "Content-Type": "application/json"},
            skip_auto_headers=("User-Agent", "Accept-Encoding"),
        )

    @property
    def servers(self) -> tuple[str, ...]:
        """The base URLs of all servers."""
        return self._servers

    async def exchange(self, request: Request, token: Secret | None, deadline: Deadline) -> Answer:
        """Return the answer of the first server that can give one; NoAnswerError if none can.

        A server that cannot be reached, is sealed or fails inside makes room for the next.
        """
        order = self._servers[self._preferred :] + self._servers[: self._preferred]
        *others, last = order
        for untried, server in zip(range(len(order), 1, -1), others, strict=True):
            try:
                answer = await self._try(server, request, token, deadline, untried)
            except NoAnswerError as error:
                if (error.was_sent and not request.is_repeatable) or remaining_seconds(deadline) <= 0:
                    raise
            else:
                if answer.status < 500 or not request.is_repeatable:
                    return answer
        return await self._try(last, request, token, deadline, 1)

    async def ask(
        self, server: str, request: Request, token: Secret | None, deadline: Deadline, *, untried: int = 1
    ) -> Answer:
        """Return the answer of this server; NoAnswerError if it gives none by the deadline.

        An attempt to connect has its share of the time: an address that swallows packets must leave the others some.
        """
        seconds = None if deadline == NO_DEADLINE else remaining_seconds(deadline)
        if seconds is not None and seconds <= 0:
            raise NoAnswerError(KeyManagerFailure.TIMED_OUT, f"{server} was not asked in time", was_sent=False)
        patience = aiohttp.ClientTimeout(total=seconds, sock_connect=None if seconds is None else seconds / untried)
        try:
            return await self._send(server, request, self._headers(request, token), patience)
        except aiohttp.ConnectionTimeoutError as error:
            detail = f"no connection to {server} in time"
            raise NoAnswerError(KeyManagerFailure.TIMED_OUT, detail, was_sent=False) from error
        except TimeoutError as error:
            raise NoAnswerError(KeyManagerFailure.TIMED_OUT, f"no answer of {server} in time", was_sent=True) from error
        except aiohttp.ClientConnectorError as error:
            detail = f"no connection to {server}: {error.os_error.strerror or error.os_error}"
            raise NoAnswerError(KeyManagerFailure.UNAVAILABLE, detail, was_sent=False) from error
        except (aiohttp.ClientError, OSError) as error:
            detail = f"{server} broke off: {type(error).__name__}"
            raise NoAnswerError(KeyManagerFailure.UNAVAILABLE, detail, was_sent=True) from error

    async def aclose(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def _try(
        self, server: str, request: Request, token: Secret | None, deadline: Deadline, untried: int
    ) -> Answer:
        try:
            answer = await self.ask(server, request, token, deadline, untried=untried)
        except NoAnswerError:
            self._pass_over(server)
            raise
        if answer.status >= 500:
            self._pass_over(server)
        return answer

    def _pass_over(self, server: str) -> None:
        if self._servers[self._preferred] == server:
            self._preferred = (self._preferred + 1) % len(self._servers)

    async def _send(
        self, server: str, request: Request, headers: Mapping[str, str], patience: aiohttp.ClientTimeout
    ) -> Answer:
        try:
            return await self._send_once(server, request, headers, patience)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            if isinstance(error, aiohttp.ClientConnectorError) or not request.is_repeatable:
                raise
            # A kept connection that the server was just closing says nothing of the server.
            return await self._send_once(server, request, headers, patience)

    async def _send_once(
        self, server: str, request: Request, headers: Mapping[str, str], patience: aiohttp.ClientTimeout
    ) -> Answer:
        async with self._session.request(
            request.method,
            server + request.path,
            data=request.body or None,
            headers=headers,
            timeout=patience,
            allow_redirects=False,  # to whom a redirect would take the token is not ours to follow
        ) as response:
            return Answer(request.path, response.status, await _read(response))

    def _headers(self, request: Request, token: Secret | None) -> Mapping[str, str]:
        headers = dict(self._namespace) if request.is_in_namespace else {}
        if token is not None:
            headers[_TOKEN_HEADER] = token.reveal().decode("ascii")
        return headers


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > MAX_ANSWER_BYTES:
            raise aiohttp.ClientPayloadError(f"an answer of more than {MAX_ANSWER_BYTES} bytes")
    return bytes(body)
