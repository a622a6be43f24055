"""HTTP/1.1 on both sides: how bytes are cut never matters, what one side writes the other reads."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from hyok.clock import NO_DEADLINE
from hyok.transport.client_connection import ClientConnection
from hyok.transport.exchange import HttpAnswer, encode_request
from hyok.transport.limits import Limits, TimeBudget
from hyok.transport.messages import HttpRequest, HttpResponse, Peer, Refusal
from hyok.transport.reader import RequestReader
from hyok.transport.responses import ResponseEncoder
from tests.unit.transport.doubles import RecordingTransport, deliver

quickly = settings(max_examples=120, derandomize=True, deadline=None)

PEER = Peer("192.0.2.1:5000", "")
LIMITS = Limits(head_bytes=2000, body_bytes=500, header_count=20)

tokens = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_.!~", min_size=1, max_size=12).map(str.encode)
own_names = tokens.map(lambda token: b"x-" + token)
header_values = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E) | st.sampled_from(" \té"), max_size=30
).map(lambda text: text.strip().encode("latin-1"))
headers = st.lists(st.tuples(own_names, header_values), max_size=6)
targets = st.text("abcXYZ019-._~/%?&=:@!$'()*+,;", max_size=40).map(lambda rest: b"/" + rest.encode())
bodies = st.binary(max_size=60)
statuses = st.sampled_from([200, 400, 401, 404, 429, 500, 501, 503])
requests = st.tuples(st.sampled_from([b"POST", b"GET", b"PUT"]), targets, headers, bodies)


@st.composite
def cut_points(draw: st.DrawFn, length: int) -> list[int]:
    """Where to cut that many bytes."""
    return sorted(draw(st.sets(st.integers(1, max(1, length - 1)), max_size=8)))


def pieces(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def read(parts: Sequence[bytes], limits: Limits = LIMITS) -> RequestReader:
    reader = RequestReader(PEER, accepted_at=0.0, limits=limits, budget=TimeBudget())
    for part in parts:
        if not reader.is_finished:
            reader.feed(part, 1.0)
    return reader


def seen(request: HttpRequest) -> tuple[bytes, bytes, list[tuple[bytes, bytes]], bytes]:
    return request.method, request.target, request.headers, request.body


def chunked(body: bytes, cuts: Sequence[int]) -> bytes:
    chunks = [part for part in pieces(body, cuts) if part]
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


@quickly
@given(requests, st.data())
def test_what_a_client_writes_the_server_reads_however_it_is_cut(
    request: tuple[bytes, bytes, list[tuple[bytes, bytes]], bytes], data: st.DataObject
) -> None:
    method, target, own, body = request
    sent = encode_request(method=method, target=target, headers=[(b"host", b"h"), *own], body=body)
    reader = read(pieces(sent, data.draw(cut_points(len(sent)))))
    assert [seen(each) for each in reader.requests] == [
        (method, target, [(b"host", b"h"), *own, (b"content-length", b"%d" % len(body))], body)
    ]
    assert reader.refusal is None


@quickly
@given(st.lists(requests, min_size=1, max_size=5), st.data())
def test_pipelined_requests_are_read_in_order_however_they_are_cut(
    several: list[tuple[bytes, bytes, list[tuple[bytes, bytes]], bytes]], data: st.DataObject
) -> None:
    sent = b"".join(
        encode_request(method=method, target=target, headers=[(b"host", b"h"), *own], body=body)
        for method, target, own, body in several
    )
    reader = read(pieces(sent, data.draw(cut_points(len(sent)))))
    assert [(each.method, each.target, each.body) for each in reader.requests] == [
        (method, target, body) for method, target, _, body in several
    ]


@quickly
@given(bodies, st.data())
def test_a_chunked_body_is_the_same_body(body: bytes, data: st.DataObject) -> None:
    sent = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(
        body, data.draw(cut_points(len(body)))
    )
    reader = read(pieces(sent, data.draw(cut_points(len(sent)))))
    assert [each.body for each in reader.requests] == [body]


@quickly
@given(st.binary(max_size=120), st.sampled_from([b"", b"POST / HTTP/1.1\r\nHost: h\r\n"]), st.data())
def test_any_bytes_lead_to_the_same_end_however_they_are_cut(noise: bytes, start: bytes, data: st.DataObject) -> None:
    sent = start + noise
    whole = read([sent])
    cut = read(pieces(sent, data.draw(cut_points(len(sent)))))
    assert [seen(each) for each in cut.requests] == [seen(each) for each in whole.requests]
    assert (cut.refusal, cut.is_finished) == (whole.refusal, whole.is_finished)


@quickly
@given(st.integers(1, 3000), st.data())
def test_no_head_above_the_limit_passes_and_none_below_is_refused(filler: int, data: st.DataObject) -> None:
    head = b"GET / HTTP/1.1\r\nHost: h\r\nX-A: " + b"a" * filler + b"\r\n\r\n"
    reader = read(pieces(head, data.draw(cut_points(len(head)))))
    assert reader.refusal is (Refusal.HEAD_TOO_LARGE if len(head) > LIMITS.head_bytes else None)


@quickly
@given(st.binary(min_size=1, max_size=1000), st.booleans(), st.data())
def test_no_body_above_the_limit_passes_and_none_below_is_refused(
    body: bytes, is_chunked: bool, data: st.DataObject
) -> None:
    if is_chunked:
        framing, content = b"Transfer-Encoding: chunked", chunked(body, data.draw(cut_points(len(body))))
    else:
        framing, content = b"Content-Length: %d" % len(body), body
    sent = b"POST / HTTP/1.1\r\nHost: h\r\n" + framing + b"\r\n\r\n" + content
    reader = read(pieces(sent, data.draw(cut_points(len(sent)))))
    assert reader.refusal is (Refusal.BODY_TOO_LARGE if len(body) > LIMITS.body_bytes else None)


class Owner:
    """Takes no interest."""

    def welcome(self, connection: ClientConnection) -> None: ...

    def take_back(self, connection: ClientConnection) -> None: ...

    def forget(self, connection: ClientConnection) -> None: ...


@quickly
@given(statuses, headers, bodies, st.booleans(), st.data())
def test_what_the_server_writes_the_client_reads_however_it_is_cut(
    status: int, own: list[tuple[bytes, bytes]], body: bytes, closes: bool, data: st.DataObject
) -> None:
    response = HttpResponse(status, body, headers=tuple(own))
    written = ResponseEncoder(0.0).encode(response, closes=closes)
    parts = pieces(written, data.draw(cut_points(len(written))))

    async def exchange() -> HttpAnswer:
        connection = ClientConnection(Owner(), loop=asyncio.get_running_loop(), answer_bytes=10_000)
        connection.connection_made(RecordingTransport(connection))
        task = asyncio.create_task(connection.exchange(b"request", NO_DEADLINE))
        await asyncio.sleep(0)
        for part in parts:
            deliver(connection, part)
        return await task

    answer = asyncio.run(exchange())
    assert (answer.status, answer.body) == (status, body)
    assert [header for header in answer.headers if header[0].startswith(b"x-")] == own
    assert ((b"connection", b"close") in answer.headers) is closes
