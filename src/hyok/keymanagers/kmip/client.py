"""Asks a KMIP server: agrees with it on a version once, then sends operations over a pool of connections."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeVar

from hyok.clock import Deadline, deadline_in
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.kmip.connection import KmipConnection
from hyok.keymanagers.kmip.failures import failure_of, transport_failure
from hyok.keymanagers.kmip.messages import (
    RefusedError,
    RequestItem,
    Response,
    decode_response,
    encode_request,
)
from hyok.keymanagers.kmip.requests import DiscoverVersions, Query, Request, ServerDescription
from hyok.keymanagers.kmip.setup import KmipSetup
from hyok.keymanagers.kmip.ttlv import Item, MalformedMessageError
from hyok.keymanagers.kmip.vocabulary import ProtocolVersion, ResultReason
from hyok.keymanagers.tasks import OwnTasks, SharedWork
from hyok.transport.exchange import ClientLimits, TransportError, TransportFailure
from hyok.transport.pool import ConnectionPool

T = TypeVar("T")
AGREEING_SECONDS: Final = 5.0
"""For agreeing on a version, which serves many requests and is bound to the deadline of none."""
ANSWER_BYTES: Final = 1024 * 1024
_SERVER_GONE: Final = frozenset({TransportFailure.NO_CONNECTION, TransportFailure.NO_NETWORK, TransportFailure.NO_TLS})
_NOT_OUR_VERSION: Final = frozenset({ResultReason.INVALID_MESSAGE, ResultReason.UNSUPPORTED_PROTOCOL_VERSION})


class Agreement(NamedTuple):
    """What client and server found out about one another."""

    version: ProtocolVersion
    server: ServerDescription


class KmipClient:
    """Sends operations. All its calls raise KeyManagerError or, where they say so, RefusedError."""

    def __init__(self, setup: KmipSetup, tasks: OwnTasks) -> None:
        """Open nothing yet: the first call connects."""
        self.setup = setup
        limits = ClientLimits(connections=setup.connections, answer_bytes=ANSWER_BYTES)
        self._pool = ConnectionPool(
            setup.address,
            server_name=setup.server_name,
            tls=setup.tls.context,
            limits=limits,
            make_connection=_make_connection,
        )
        self._agreeing = SharedWork(tasks, self._agree)
        self._agreement: Agreement | None = None
        self.vendor = ""
        """What the server last said who made it."""
        self.server_time: int | None = None
        """What the server's clock last said, in Unix seconds."""

    async def server(self, deadline: Deadline) -> ServerDescription:
        """Return what the server says of itself."""
        return (await self._agreed(deadline)).server

    async def ask(self, request: Request[T], deadline: Deadline) -> T:
        """Carry out one operation and return its result. RefusedError if the server does not do it."""
        return await self._perform(request, (await self._agreed(deadline)).version, deadline)

    async def ask_all(self, requests: Sequence[Request[T]], deadline: Deadline) -> list[T | RefusedError]:
        """Carry out operations in one message; the result of each, or why there is none, in order. No RefusedError."""
        version = (await self._agreed(deadline)).version
        items = [RequestItem(request.operation, request.encode(version)) for request in requests]
        try:
            response = await self._exchange(items, version, deadline)
        except RefusedError as refusal:
            return [refusal] * len(items)
        results: list[T | RefusedError] = []
        for request, result in zip(requests, response.results, strict=True):
            try:
                results.append(_read_result(request, result, version))
            except RefusedError as refusal:
                results.append(refusal)
        return results

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()

    async def _agreed(self, deadline: Deadline) -> Agreement:
        return self._agreement or await self._agreeing.result(deadline)

    async def _agree(self) -> Agreement:
        deadline = deadline_in(AGREEING_SECONDS)
        version = await self._discover(deadline)
        try:
            server = await self._perform(Query(), version, deadline)
        except RefusedError as refusal:
            raise failure_of(refusal) from refusal
        self.vendor = server.vendor
        self._agreement = Agreement(version, server)
        return self._agreement

    async def _discover(self, deadline: Deadline) -> ProtocolVersion:
        # The question itself has a version, and a server of one version only may refuse another.
        refusal: RefusedError | None = None
        for version in sorted(self.setup.versions):
            try:
                spoken = await self._perform(DiscoverVersions(self.setup.versions), version, deadline)
            except RefusedError as error:
                refusal = error
                continue
            wanted = [each for each in self.setup.versions if each in spoken]
            if wanted:
                return wanted[0]
            raise self._no_version(f"it speaks {', '.join(map(str, spoken)) or 'none of them'}")
        raise self._no_version(str(refusal)) from refusal

    def _no_version(self, detail: str) -> KeyManagerError:
        wanted = ", ".join(map(str, self.setup.versions))
        return KeyManagerError(
            KeyManagerFailure.UNAVAILABLE, f"{self.setup.address} speaks none of KMIP {wanted}: {detail}"
        )

    async def _perform(self, request: Request[T], version: ProtocolVersion, deadline: Deadline) -> T:
        item = RequestItem(request.operation, request.encode(version))
        (result,) = (await self._exchange([item], version, deadline)).results
        return _read_result(request, result, version)

    async def _exchange(self, items: Sequence[RequestItem], version: ProtocolVersion, deadline: Deadline) -> Response:
        operations = [item.operation for item in items]
        message = encode_request(version, items)
        is_repeatable = all(operation.is_repeatable for operation in operations)
        try:
            answer = await self._pool.exchange(message, deadline, is_repeatable=is_repeatable)
        except TransportError as error:
            if error.failure in _SERVER_GONE:
                # What is there when it comes back may speak otherwise.
                self._agreement = None
            raise transport_failure(error) from error
        try:
            response = decode_response(answer, operations)
        except MalformedMessageError as error:
            raise _malformed(error) from error
        except RefusedError as refusal:
            if refusal.reason in _NOT_OUR_VERSION:
                self._agreement = None
            raise
        if response.version != version:
            raise _malformed(MalformedMessageError(f"the answer is in KMIP {response.version}, not {version}"))
        self.server_time = response.time_stamp
        return response


def _make_connection(pool: ConnectionPool[bytes]) -> KmipConnection:
    return KmipConnection(pool, loop=asyncio.get_running_loop(), answer_bytes=ANSWER_BYTES)


def _read_result(request: Request[T], result: Item | RefusedError, version: ProtocolVersion) -> T:
    if isinstance(result, RefusedError):
        raise result
    try:
        return request.decode(result, version)
    except MalformedMessageError as error:
        raise _malformed(error) from error


def _malformed(error: MalformedMessageError) -> KeyManagerError:
    return KeyManagerError(KeyManagerFailure.UNAVAILABLE, f"the server's answer: {error}")
