"""Answers as they go over the wire."""

from __future__ import annotations

import pytest

from hyok.transport.messages import HttpResponse
from hyok.transport.responses import ResponseEncoder

NEW_YEAR = 1_767_225_600.0
DATE = b"date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"


@pytest.fixture
def encoder() -> ResponseEncoder:
    return ResponseEncoder(NEW_YEAR)


def test_an_answer_tells_status_date_type_and_length(encoder: ResponseEncoder) -> None:
    assert encoder.encode(HttpResponse(200, b"{}")) == (
        b"HTTP/1.1 200 OK\r\n" + DATE + b"content-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
    )


def test_the_last_answer_says_that_the_connection_closes(encoder: ResponseEncoder) -> None:
    encoded = encoder.encode(HttpResponse(404, b"{}"), closes=True)
    assert encoded.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert b"\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}" in encoded


def test_further_headers_stand_in_their_order(encoder: ResponseEncoder) -> None:
    response = HttpResponse(200, b"x", content_type=b"text/plain", headers=((b"x-a", b"1"), (b"x-b", b"2")))
    assert encoder.encode(response) == (
        b"HTTP/1.1 200 OK\r\n" + DATE + b"content-type: text/plain\r\nx-a: 1\r\nx-b: 2\r\ncontent-length: 1\r\n\r\nx"
    )


def test_the_answer_to_head_has_the_length_but_not_the_body(encoder: ResponseEncoder) -> None:
    encoded = encoder.encode(HttpResponse(200, b"pong"), is_head=True)
    assert encoded.endswith(b"content-length: 4\r\n\r\n")


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body_has_neither_length_nor_body(encoder: ResponseEncoder, status: int) -> None:
    encoded = encoder.encode(HttpResponse(status, b"ignored"))
    assert b"content-length" not in encoded
    assert encoded.endswith(b"\r\n\r\n")


def test_a_status_without_a_name_is_still_an_answer(encoder: ResponseEncoder) -> None:
    assert encoder.encode(HttpResponse(599, b"")).startswith(b"HTTP/1.1 599 \r\n")


def test_the_date_moves_on(encoder: ResponseEncoder) -> None:
    encoder.encode(HttpResponse(200, b""))
    encoder.set_date(NEW_YEAR + 1.5)
    assert b"date: Thu, 01 Jan 2026 00:00:01 GMT\r\n" in encoder.encode(HttpResponse(200, b""))
