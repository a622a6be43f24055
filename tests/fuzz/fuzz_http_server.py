"""Invariant: whatever a client sends, it reads whole answers in order, and at most one refusal, as the last."""

from __future__ import annotations

import asyncio

import httptools

from hyok.transport.connection import HttpConnection
from hyok.transport.limits import Limits, TimeBudget
from hyok.transport.server import HttpServer
from hyok.transport.sockets import Address
from tests.unit.transport.doubles import RecordingTransport, ScriptedService, deliver

SEEDS = (
    b"POST /a HTTP/1.1\r\nHost: h\r\nAuthorization: a\r\nX-Amz-Date: b\r\nContent-Length: 4\r\n\r\nbody",
    b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nX-T: 1\r\n\r\n"
    b"GET /b HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET /a HTTP/1.0\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab",
    b"POST /a HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nab",
    b"HEAD /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    b"CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n",
)


def fuzz_one(data: bytes) -> None:
    """Send the data to a server, as a whole and cut in the middle."""
    whole = asyncio.run(converse([data]))
    cut = asyncio.run(converse([data[: len(data) // 2], data[len(data) // 2 :]]))
    assert whole == cut


async def converse(parts: list[bytes]) -> list[int]:
    """Return the statuses of the answers."""
    service = ScriptedService()
    server = HttpServer(service, limits=Limits(head_bytes=500, body_bytes=100, header_count=10), budget=TimeBudget())
    connection = server.admit(Address("192.0.2.1", 5000))
    assert isinstance(connection, HttpConnection)
    transport = RecordingTransport(connection)
    connection.connection_made(transport)
    for part in parts:
        deliver(connection, part)
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    heads = [request.method == b"HEAD" for request in service.requests]
    statuses = [status for status in read_answers(transport.take(), heads) if status != 100]
    assert len(statuses) == len(service.requests) + len(service.refusals)
    assert len(service.refusals) <= 1
    assert all(status == 200 for status in statuses[: len(service.requests)])
    connection.abort()
    await asyncio.sleep(0)
    return statuses


def read_answers(written: bytes, heads: list[bool]) -> list[int]:
    """Parse what a client received; `heads` tells which answers have no body."""
    statuses: list[int] = []
    rest = written
    while rest:
        head, _, rest = rest.partition(b"\r\n\r\n")
        statuses.append(int(head.split(b" ", 2)[1]))
        lengths = [line for line in head.split(b"\r\n") if line.startswith(b"content-length: ")]
        final = sum(status != 100 for status in statuses)
        has_body = statuses[-1] != 100 and not (final <= len(heads) and heads[final - 1])
        length = int(lengths[0].split(b" ")[1]) if has_body else 0
        check_with_a_parser(head, rest[:length] if has_body else None)
        rest = rest[length:]
    return statuses


def check_with_a_parser(head: bytes, body: bytes | None) -> None:
    """Hold one answer against a strict parser."""
    parser = httptools.HttpResponseParser(object())
    parser.feed_data(head + b"\r\n\r\n" + (body or b""))
