"""A request of a client as bytes."""

from __future__ import annotations

import pytest

from hyok.transport.exchange import encode_request


def test_a_request_is_written_with_its_length() -> None:
    headers = [(b"host", b"xks.test"), (b"x-amz-date", b"20260101T000000Z")]
    assert encode_request(method=b"POST", target=b"/a?b", headers=headers, body=b"abc") == (
        b"POST /a?b HTTP/1.1\r\nhost: xks.test\r\nx-amz-date: 20260101T000000Z\r\ncontent-length: 3\r\n\r\nabc"
    )


@pytest.mark.parametrize("broken", [b"a\r\nx: y", b"a\nx: y", b"a\rx", b"\r\n"])
def test_nothing_can_be_smuggled_in_through_a_part(broken: bytes) -> None:
    for target, headers in (
        (b"/" + broken, [(b"host", b"h")]),
        (b"/", [(b"host", broken)]),
        (b"/", [(broken, b"h")]),
    ):
        with pytest.raises(ValueError, match="line break"):
            encode_request(method=b"POST", target=target, headers=headers, body=b"")
    with pytest.raises(ValueError, match="line break"):
        encode_request(method=broken, target=b"/", headers=[], body=b"")
