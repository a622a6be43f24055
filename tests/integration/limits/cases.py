"""Requests that are refused before any service sees them (RFC 9112; XKS API, Errors), by what is wrong with them."""

from __future__ import annotations

from typing import NamedTuple

HOST = b"Host: localhost\r\n"
SMUGGLED = b"GET /ping HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
"""Follows each of them: an answer to it would mean that the first one ended where others do not see it."""
HEAD_BYTES = 4096
BODY_BYTES = 65_536


class Malformed(NamedTuple):
    """Bytes for the wire and the two statuses that stand for the refusal: of the XKS proxy API, and HTTP's own."""

    raw: bytes
    api_status: int = 400
    http_status: int = 400


def post(*headers: bytes, body: bytes = b"", line: bytes = b"POST / HTTP/1.1", host: bytes = HOST) -> bytes:
    """Write a request with these header lines as they are."""
    return line + b"\r\n" + host + b"".join(header + b"\r\n" for header in headers) + b"\r\n" + body


def chunked(body: bytes) -> bytes:
    """Write a request whose body is framed by whatever this is."""
    return post(b"Transfer-Encoding: chunked", body=body)


LENGTHS = {
    "Transfer-Encoding and Content-Length": post(
        b"Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n"
    ),
    "Content-Length and Transfer-Encoding": post(
        b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"
    ),
    "two lengths": post(b"Content-Length: 5", b"Content-Length: 6", body=b"abcde"),
    "the same length twice": post(b"Content-Length: 5", b"Content-Length: 5", body=b"abcde"),
    "a list of lengths": post(b"Content-Length: 5, 5", body=b"abcde"),
    "a length with a plus": post(b"Content-Length: +5", body=b"abcde"),
    "a negative length": post(b"Content-Length: -5", body=b"abcde"),
    "a hexadecimal length": post(b"Content-Length: 0x5", body=b"abcde"),
    "a length with a gap": post(b"Content-Length: 5 5", body=b"abcde"),
    "an empty length": post(b"Content-Length:", body=b"abcde"),
    "a length in quotes": post(b'Content-Length: "5"', body=b"abcde"),
    "a length beyond 64 bits": post(b"Content-Length: 99999999999999999999", body=b"abcde"),
}
CODINGS = {
    "another coding": post(b"Transfer-Encoding: gzip"),
    "another coding before chunked": post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
    "chunked twice": post(b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"),
    "chunked in two headers": post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "chunked before identity": post(b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"),
    "nearly chunked": post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    "chunked with a tab": post(b"Transfer-Encoding:\x0bchunked", body=b"0\r\n\r\n"),
    "a coding in HTTP/1.0": post(b"Transfer-Encoding: chunked", line=b"POST / HTTP/1.0", body=b"0\r\n\r\n"),
}
CHUNKS = {
    "a chunk size that is no number": chunked(b"x\r\n"),
    "a chunk size with a sign": chunked(b"+1\r\na\r\n0\r\n\r\n"),
    "a chunk size with 0x": chunked(b"0x1\r\na\r\n0\r\n\r\n"),
    "a chunk size beyond 64 bits": chunked(b"fffffffffffffffff\r\n"),
    "a chunk longer than its size": chunked(b"1\r\nab\r\n0\r\n\r\n"),
    "a chunk that ends with a bare line feed": chunked(b"1\r\na\n0\r\n\r\n"),
    "a chunk size that ends with a bare line feed": chunked(b"1\na\r\n0\r\n\r\n"),
    "a NUL byte after a chunk size": chunked(b"1\x00\r\na\r\n0\r\n\r\n"),
}
HEADERS = {
    "no Host": post(host=b""),
    "an empty Host": post(host=b"Host:\r\n"),
    "two Hosts": post(b"Host: elsewhere"),
    "the same Host twice": post(b"Host: localhost"),
    "two Authorizations": post(b"Authorization: AWS4-HMAC-SHA256 a", b"Authorization: AWS4-HMAC-SHA256 b"),
    "two dates": post(b"X-Amz-Date: 20261124T000000Z", b"X-Amz-Date: 20261124T000001Z"),
    "a folded header": post(b"X-Long: a\r\n b"),
    "a folded header with a tab": post(b"X-Long: a\r\n\tb"),
    "a folded first header": post(host=b" Host: localhost\r\n"),
    "a bare line feed after a header": post(b"X-One: a\nX-Two: b"),
    "bare line feeds everywhere": b"POST / HTTP/1.1\nHost: localhost\n\n",
    "a bare carriage return in a header": post(b"X-One: a\rX-Two: b"),
    "a bare carriage return after the request line": b"POST / HTTP/1.1\rHost: localhost\r\n\r\n",
    "a NUL byte in a header's value": post(b"X-Nul: a\x00b"),
    "a NUL byte in a header's name": post(b"X-\x00Nul: a"),
    "a control character in a header's value": post(b"X-Bell: a\x07b"),
    "DEL in a header's value": post(b"X-Del: a\x7fb"),
    "a space before the colon": post(b"X-Gap : a"),
    "a space in a header's name": post(b"X Gap: a"),
    "a header without a name": post(b": a"),
    "a header without a colon": post(b"X-Nothing"),
    "an expectation of something else": post(b"Expect: 200-ok"),
}
LINES = {
    "a NUL byte in the target": post(line=b"POST /\x00 HTTP/1.1"),
    "a space in the target": post(line=b"POST /a b HTTP/1.1"),
    "a target with a host": post(line=b"POST http://localhost/ HTTP/1.1"),
    "a target without a slash": post(line=b"POST health HTTP/1.1"),
    "an asterisk": post(line=b"OPTIONS * HTTP/1.1"),
    "CONNECT": post(line=b"CONNECT localhost:443 HTTP/1.1"),
    "CONNECT without a target": b"CONNECT \n\r\n",
    "a method in lower case": post(line=b"post / HTTP/1.1"),
    "a method that nobody knows": post(line=b"STEAL / HTTP/1.1"),
    "no version": post(line=b"POST /"),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/1.2": post(line=b"POST / HTTP/1.2"),
    "HTTP/9.9": post(line=b"POST / HTTP/9.9"),
    "a version in lower case": post(line=b"POST / http/1.1"),
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "TLS inside": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
    "nothing but NUL bytes": bytes(500),
}
TOO_LARGE_HEADS = {
    "a large header": post(b"X-Large: " + b"a" * HEAD_BYTES),
    "a large header's name": post(b"X" * HEAD_BYTES + b": a"),
    "a large target": post(line=b"POST /" + b"a" * HEAD_BYTES + b" HTTP/1.1"),
    "many headers": post(*(b"X: a" for _ in range(64))),
    "trailers without end": chunked(b"0\r\n" + b"X-Trailer: a\r\n" * (HEAD_BYTES // 7)),
    "a chunk extension without end": chunked(b"1;" + b"a" * HEAD_BYTES * 2),
}
TOO_LARGE_BODIES = {
    "a length above the limit": post(b"Content-Length: %d" % (BODY_BYTES + 1)),
    "a chunk above the limit": chunked(b"%x\r\n" % (BODY_BYTES + 1) + b"a" * (BODY_BYTES + 1)),
    "many chunks above the limit": chunked((b"1000\r\n" + b"a" * 4096 + b"\r\n") * (BODY_BYTES // 4096 + 1)),
}
WELL_FORMED = {
    "a plain request": post(),
    "an empty line before": b"\r\n" + post(),
    "an empty body": post(b"Content-Length: 0"),
    "a body": post(b"Content-Length: 5", body=b"abcde"),
    "a chunked body with a trailer": chunked(b"5;note=a\r\nabcde\r\n0\r\nHost: elsewhere\r\n\r\n"),
    "the largest body": post(b"Content-Length: %d" % BODY_BYTES, body=b"a" * BODY_BYTES),
    "a head that nearly fills the limit": post(b"X-Large: " + b"a" * (HEAD_BYTES - 100)),
    "a header with bytes beyond ASCII": post(b"X-Latin: \xe9\xff"),
}
MALFORMED = {
    **{what: Malformed(raw) for what, raw in (LENGTHS | CODINGS | CHUNKS | HEADERS | LINES).items()},
    **{what: Malformed(raw, 400, 431) for what, raw in TOO_LARGE_HEADS.items()},
    **{what: Malformed(raw, 501, 413) for what, raw in TOO_LARGE_BODIES.items()},
}
