"""Which bytes are a request, which are refused, and when one is whole."""

from __future__ import annotations

import pytest

from hyok.transport.limits import Limits, TimeBudget
from hyok.transport.messages import HttpRequest, Peer, Refusal
from hyok.transport.reader import RequestReader

PEER = Peer("192.0.2.1:5000", "")
HEAD = b"POST /keys/a?b=c HTTP/1.1\r\nHost: xks.test\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def make_reader(limits: Limits | None = None, *, accepted_at: float = 100.0) -> RequestReader:
    return RequestReader(PEER, accepted_at=accepted_at, limits=limits or Limits(), budget=TimeBudget())


def read(data: bytes, limits: Limits | None = None) -> RequestReader:
    reader = make_reader(limits)
    reader.feed(data, 100.0)
    return reader


def read_one(data: bytes) -> HttpRequest:
    reader = read(data)
    assert reader.refusal is None
    (request,) = reader.requests
    return request


def test_a_request_is_read_as_it_came() -> None:
    request = read_one(
        HEAD
        + b"X-Amz-Date:20260101T000000Z \t\r\nAuthorization:\t AWS4 x\r\nX-Empty:\r\nx-twice: 1\r\nX-Twice: 2\r\n"
        + b"Content-Length: 4\r\n\r\nbody"
    )
    assert (request.method, request.target, request.body) == (b"POST", b"/keys/a?b=c", b"body")
    assert (request.host, request.amz_date, request.authorization) == (b"xks.test", b"20260101T000000Z", b"AWS4 x")
    assert request.headers == [
        (b"host", b"xks.test"),
        (b"x-amz-date", b"20260101T000000Z"),
        (b"authorization", b"AWS4 x"),
        (b"x-empty", b""),
        (b"x-twice", b"1"),
        (b"x-twice", b"2"),
        (b"content-length", b"4"),
    ]
    assert request.peer is PEER


def test_nothing_is_decoded_or_normalised_in_a_target() -> None:
    assert read_one(b"GET //a/%2e/../b%00?x=%20 HTTP/1.1\r\nHost: h\r\n\r\n").target == b"//a/%2e/../b%00?x=%20"


def test_a_request_that_comes_byte_by_byte_is_the_same() -> None:
    data = HEAD + b"Authorization: abc\r\nContent-Length: 4\r\n\r\nbody"
    reader = make_reader()
    for position in range(len(data)):
        assert not reader.requests
        assert not position or reader.is_reading
        reader.feed(data[position : position + 1], 100.0)
    assert not reader.is_reading
    (request,) = reader.requests
    assert (request.target, request.authorization, request.body) == (b"/keys/a?b=c", b"abc", b"body")


def test_a_chunked_body_is_put_together() -> None:
    assert read_one(CHUNKED + b"3\r\nabc\r\n2;name=value\r\nde\r\n0\r\n\r\n").body == b"abcde"


def test_trailers_do_not_change_the_head() -> None:
    request = read_one(CHUNKED + b"1\r\na\r\n0\r\nHost: evil\r\nAuthorization: evil\r\nX-T: evil\r\n\r\n")
    assert request.host == b"xks.test"
    assert request.authorization == b""
    assert not any(value == b"evil" for _, value in request.headers)


def test_requests_that_come_together_are_read_in_order() -> None:
    reader = read(b"".join(HEAD + b"Content-Length: 1\r\n\r\n%d" % number for number in range(5)))
    assert [request.body for request in reader.requests] == [b"0", b"1", b"2", b"3", b"4"]
    assert not reader.is_finished


def test_empty_lines_before_a_request_are_ignored() -> None:
    assert read_one(b"\r\n\r\n" + HEAD + b"\r\n").method == b"POST"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", id="coding then length"),
        pytest.param(HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", id="length then coding"),
        pytest.param(HEAD + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", id="the same length twice"),
        pytest.param(HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", id="two lengths"),
        pytest.param(HEAD + b"Content-Length: 3, 3\r\n\r\nabc", id="a list of lengths"),
        pytest.param(HEAD + b"Content-Length: +3\r\n\r\nabc", id="a signed length"),
        pytest.param(HEAD + b"Content-Length: 0x3\r\n\r\nabc", id="a hexadecimal length"),
        pytest.param(HEAD + b"Content-Length:\r\n\r\n", id="an empty length"),
        pytest.param(HEAD + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n", id="a length beyond 64 bits"),
        pytest.param(HEAD + b"Transfer-Encoding: identity\r\n\r\n", id="identity"),
        pytest.param(HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", id="a coding before chunked"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n", id="a coding after chunked"),
        pytest.param(HEAD + b"Transfer-Encoding: xchunked\r\n\r\n", id="almost chunked"),
        pytest.param(HEAD + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n0\r\n\r\n", id="chunked twice"),
        pytest.param(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", id="chunked in 1.0"),
        pytest.param(HEAD + b"Host: xks.test\r\n\r\n", id="host twice"),
        pytest.param(HEAD + b"HOST: other\r\n\r\n", id="two hosts"),
        pytest.param(b"POST / HTTP/1.1\r\n\r\n", id="no host"),
        pytest.param(b"POST / HTTP/1.1\r\nHost:\r\n\r\n", id="an empty host"),
        pytest.param(b"POST / HTTP/1.1\r\nConnection: keep-alive\r\n\r\n", id="no host, with a connection header"),
        pytest.param(HEAD + b"Authorization: a\r\nauthorization: b\r\n\r\n", id="two authorizations"),
        pytest.param(HEAD + b"Authorization:\r\nauthorization: b\r\n\r\n", id="an empty authorization and another"),
        pytest.param(HEAD + b"X-Amz-Date: a\r\nX-Amz-Date: b\r\n\r\n", id="two dates of signing"),
        pytest.param(HEAD + b"X-A: 1\r\n 2\r\n\r\n", id="a fold"),
        pytest.param(HEAD + b"X-A: 1\r\n\t2\r\n\r\n", id="a fold with a tab"),
        pytest.param(HEAD + b"X-A:\r\n 2\r\n\r\n", id="a fold after nothing"),
        pytest.param(b"POST / HTTP/1.1\r\n Host: h\r\n\r\n", id="white space before the first header"),
        pytest.param(b"POST / HTTP/1.1\nHost: h\n\n", id="bare line feeds"),
        pytest.param(HEAD + b"X-A: b\nX-C: d\r\n\r\n", id="a bare line feed between headers"),
        pytest.param(HEAD + b"\n", id="a bare line feed at the end"),
        pytest.param(HEAD + b"X-A: b\rX-C: d\r\n\r\n", id="a bare carriage return"),
        pytest.param(HEAD + b"X-A: a\0b\r\n\r\n", id="a NUL in a value"),
        pytest.param(HEAD + b"X\0A: a\r\n\r\n", id="a NUL in a name"),
        pytest.param(b"POST /\0 HTTP/1.1\r\nHost: h\r\n\r\n", id="a NUL in the target"),
        pytest.param(b"POST /\x7f HTTP/1.1\r\nHost: h\r\n\r\n", id="a control character in the target"),
        pytest.param(HEAD + b"X-A: a\x01b\r\n\r\n", id="a control character in a value"),
        pytest.param(HEAD + b"X-A : a\r\n\r\n", id="white space before the colon"),
        pytest.param(HEAD + b": a\r\n\r\n", id="a header without a name"),
        pytest.param(HEAD + b"no colon\r\n\r\n", id="a header without a colon"),
        pytest.param(b"GET http://h/a HTTP/1.1\r\nHost: h\r\n\r\n", id="an absolute target"),
        pytest.param(b"CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", id="CONNECT"),
        pytest.param(b"CONNECT /a HTTP/1.1\r\nHost: h\r\n\r\n", id="CONNECT with a path"),
        pytest.param(b"CONNECT \n\r\n", id="CONNECT without a target"),
        pytest.param(b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", id="an asterisk"),
        pytest.param(b"POST / HTTP/2.0\r\nHost: h\r\n\r\n", id="version 2.0"),
        pytest.param(b"POST / HTTP/0.9\r\nHost: h\r\n\r\n", id="version 0.9"),
        pytest.param(b"POST / HTTP/1.2\r\nHost: h\r\n\r\n", id="version 1.2"),
        pytest.param(b"POST / HTTP/2.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n", id="2.0 that keeps alive"),
        pytest.param(b"GET /\r\n\r\n", id="no version"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="the preface of HTTP/2"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", id="a TLS hello"),
        pytest.param(b"post / HTTP/1.1\r\nHost: h\r\n\r\n", id="a method in lower case"),
        pytest.param(HEAD + b"Expect: 200-ok\r\nContent-Length: 1\r\n\r\n", id="an unknown expectation"),
        pytest.param(CHUNKED + b"-3\r\nabc\r\n0\r\n\r\n", id="a negative chunk size"),
        pytest.param(CHUNKED + b"0x3\r\nabc\r\n0\r\n\r\n", id="a chunk size with a prefix"),
        pytest.param(CHUNKED + b"\r\nabc\r\n0\r\n\r\n", id="an empty chunk size"),
        pytest.param(CHUNKED + b"3 \r\nabc\r\n0\r\n\r\n", id="white space after a chunk size"),
        pytest.param(CHUNKED + b"f" * 17 + b"\r\nabc", id="a chunk size beyond 64 bits"),
        pytest.param(CHUNKED + b"3\nabc\n0\n\n", id="bare line feeds between chunks"),
        pytest.param(CHUNKED + b"3;a\nabc\r\n0\r\n\r\n", id="a bare line feed after an extension"),
        pytest.param(CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n", id="a chunk longer than its size"),
    ],
)
def test_what_is_not_clearly_one_request_is_refused_and_nothing_after_it_read(data: bytes) -> None:
    reader = make_reader()
    reader.feed(data, 100.0)
    assert reader.refusal is Refusal.MALFORMED
    assert reader.is_finished
    assert not reader.requests


def test_what_came_whole_before_a_refusal_is_kept() -> None:
    reader = read(HEAD + b"\r\n" + b"nonsense")
    assert len(reader.requests) == 1
    assert reader.refusal is Refusal.MALFORMED


def test_a_length_above_the_limit_is_refused_before_the_body_comes() -> None:
    limits = Limits(body_bytes=10)
    assert read(HEAD + b"Content-Length: 11\r\n\r\n", limits).refusal is Refusal.BODY_TOO_LARGE
    assert read(HEAD + b"Content-Length: 10\r\n\r\n", limits).refusal is None


def test_a_chunked_body_is_refused_once_it_exceeds_the_limit() -> None:
    limits = Limits(body_bytes=10)
    assert read(CHUNKED + b"a\r\n0123456789\r\n", limits).refusal is None
    assert read(CHUNKED + b"a\r\n0123456789\r\n1\r\n0\r\n", limits).refusal is Refusal.BODY_TOO_LARGE
    assert read(CHUNKED + b"ffffffff\r\n0123456789a", limits).refusal is Refusal.BODY_TOO_LARGE


@pytest.mark.parametrize("piece_bytes", [1, 7, 99, 100, 101, 5000])
def test_a_head_may_be_as_long_as_the_limit_and_not_longer(piece_bytes: int) -> None:
    def read_in_pieces(data: bytes) -> RequestReader:
        reader = make_reader(Limits(head_bytes=100))
        while data and not reader.is_finished:
            reader.feed(data[:piece_bytes], 100.0)
            data = data[piece_bytes:]
        return reader

    body = b"Content-Length: 4\r\n\r\nbody"
    filler = 100 - len(HEAD) - len(b"X-A: \r\n") - len(body) + len(b"body")
    assert read_in_pieces(HEAD + b"X-A: " + b"a" * filler + b"\r\n" + body).refusal is None
    longer = read_in_pieces(HEAD + b"X-A: " + b"a" * (filler + 1) + b"\r\n" + body)
    assert longer.refusal is Refusal.HEAD_TOO_LARGE
    assert not longer.requests


def test_a_large_body_in_one_piece_is_read_under_a_small_limit_for_heads() -> None:
    reader = read(HEAD + b"Content-Length: 5000\r\n\r\n" + b"a" * 5000 + HEAD + b"\r\n", Limits(head_bytes=100))
    assert [len(request.body) for request in reader.requests] == [5000, 0]


@pytest.mark.parametrize(
    "endless", [b"\r\n", b"POST /" + b"a" * 50, HEAD + b"X-A: " + b"a" * 50, CHUNKED + b"1;" + b"a" * 50]
)
def test_what_goes_on_without_end_is_refused(endless: bytes) -> None:
    reader = make_reader(Limits(head_bytes=200))
    reader.feed(endless, 100.0)
    for _ in range(200):
        if not reader.is_finished:
            reader.feed(endless[-2:], 100.0)
    assert reader.refusal is Refusal.HEAD_TOO_LARGE


def test_endless_trailers_are_refused() -> None:
    reader = make_reader(Limits(head_bytes=200))
    reader.feed(CHUNKED + b"0\r\n", 100.0)
    for _ in range(200):
        if not reader.is_finished:
            reader.feed(b"a: b\r\n", 100.0)
    assert reader.refusal is Refusal.HEAD_TOO_LARGE


def test_too_many_headers_are_refused() -> None:
    limits = Limits(header_count=5)
    assert read(HEAD + b"a: b\r\n" * 4 + b"\r\n", limits).refusal is None
    assert read(HEAD + b"a: b\r\n" * 5 + b"\r\n", limits).refusal is Refusal.HEAD_TOO_LARGE


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.0\r\n",
        b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\nConnection: close\r\n",
    ],
)
def test_nothing_is_read_after_a_request_that_closes(head: bytes) -> None:
    reader = read(head + b"\r\n" + HEAD + b"\r\n")
    assert [request.method for request in reader.requests] == [b"GET"]
    assert reader.is_finished
    assert reader.refusal is None


def test_a_connection_has_only_so_many_requests() -> None:
    reader = read((HEAD + b"\r\n") * 5, Limits(requests_per_connection=3))
    assert len(reader.requests) == 3
    assert reader.is_finished
    assert reader.refusal is None


@pytest.mark.parametrize(
    ("framing", "content", "body"),
    [
        (b"Content-Length: 3", b"abc", b"abc"),
        (b"Transfer-Encoding: chunked", b"3\r\nabc\r\n0\r\n\r\n", b"abc"),
        (b"X-None: 0", b"", b""),
    ],
)
def test_an_upgrade_is_read_as_an_ordinary_request_and_then_closed(framing: bytes, content: bytes, body: bytes) -> None:
    data = HEAD + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n" + framing + b"\r\n\r\n" + content
    for piece_bytes in (len(data), 1):
        reader = make_reader()
        for start in range(0, len(data), piece_bytes):
            reader.feed(data[start : start + piece_bytes], 100.0)
        (request,) = reader.requests
        assert request.body == body
        assert request.target == b"/keys/a?b=c"
        assert reader.is_finished


def test_a_bad_body_after_an_upgrade_is_refused() -> None:
    reader = read(HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\nxyz")
    assert reader.refusal is Refusal.MALFORMED
    assert not reader.requests


def test_an_upgrade_without_connection_is_only_a_header() -> None:
    reader = read((HEAD + b"Upgrade: h2c\r\nContent-Length: 1\r\n\r\na") * 2)
    assert [request.body for request in reader.requests] == [b"a", b"a"]


def test_a_client_that_expects_to_be_told_to_continue_is_noticed_until_its_body_comes() -> None:
    reader = read(HEAD + b"Expect: 100-Continue\r\nContent-Length: 2\r\n\r\n")
    awaited = [reader.awaits_continue]
    for piece in (b"a", b"b"):
        reader.feed(piece, 100.0)
        awaited.append(reader.awaits_continue)
    assert awaited == [True, False, False]
    assert reader.requests[0].body == b"ab"


@pytest.mark.parametrize(
    "data",
    [
        HEAD + b"Expect: 100-continue\r\n\r\n",
        HEAD + b"Expect: 100-continue\r\nContent-Length: 1\r\n\r\na",
        b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
        HEAD + b"Expect: 100-continue\r\nContent-Length: 999999999\r\n\r\n",
    ],
    ids=["no body", "the body is there", "HTTP/1.0", "too large"],
)
def test_a_client_is_not_told_to_continue_in_vain(data: bytes) -> None:
    assert not read(data).awaits_continue


def test_what_one_request_had_does_not_stick_to_the_next() -> None:
    reader = read(CHUNKED + b"1\r\na\r\n0\r\n\r\n" + HEAD + b"Authorization: b\r\n\r\n" + HEAD + b"\r\n")
    assert [(request.body, request.authorization) for request in reader.requests] == [
        (b"a", b""),
        (b"", b"b"),
        (b"", b""),
    ]


def test_the_first_requests_deadline_counts_from_accept_the_others_from_their_first_byte() -> None:
    reader = make_reader(accepted_at=100.0)
    reader.feed(HEAD, 100.05)
    reader.feed(b"\r\n" + HEAD + b"\r\n", 100.06)
    first, second = reader.requests
    assert first.received_at == 100.05
    assert first.deadline == pytest.approx(100.14)
    assert second.received_at == 100.06
    assert second.deadline == pytest.approx(100.26)


def test_on_a_connection_that_was_opened_ahead_of_need_the_first_request_counts_from_its_first_byte() -> None:
    reader = make_reader(accepted_at=100.0)
    reader.feed(HEAD + b"\r\n", 130.0)
    assert reader.requests[0].deadline == pytest.approx(130.2)


def test_a_head_and_a_message_have_their_own_time() -> None:
    reader = make_reader(Limits(head_seconds=5, message_seconds=15))
    reader.feed(HEAD, 200.0)
    assert reader.gives_up_at() == 205.0
    reader.feed(b"Content-Length: 1\r\n\r\n", 203.0)
    assert reader.gives_up_at() == 215.0


def test_a_fault_of_ours_is_not_taken_for_the_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = make_reader()
    monkeypatch.setattr(reader, "requests", None)
    with pytest.raises(AttributeError):
        reader.feed(HEAD + b"\r\n", 100.0)
