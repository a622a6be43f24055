from __future__ import annotations

from pathlib import Path

import pytest

from hyok.config.values import Address, describe_text, parse_address, parse_path, parse_storage_url

BASE = Path("/base")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8443", Address("127.0.0.1", 8443)),
        ("localhost:0", Address("localhost", 0)),
        ("xks.example.com:443", Address("xks.example.com", 443)),
        ("[::1]:8443", Address("::1", 8443)),
        ("[0:0:0:0:0:0:0:1]:65535", Address("::1", 65535)),
    ],
)
def test_an_address_is_host_and_port(text: str, address: Address) -> None:
    assert parse_address(text, BASE) == address


@pytest.mark.parametrize(
    "text", ["", ":1", "h", "h:", "h:-1", "h:65536", "h:1.5", "h:१", "::1:1", "[h]:1", "a b:1", "h:1234567"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_address(text, BASE)


@pytest.mark.parametrize("text", ["127.0.0.1:1", "[::1]:1"])
def test_an_address_is_written_as_it_is_read(text: str) -> None:
    assert str(parse_address(text, BASE)) == text


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104  # parsed, not bound
        ("192.0.2.1", False),
        ("localhost.example.com", False),
    ],
)
def test_loopback_is_told_from_other_addresses(host: str, is_loopback: bool) -> None:
    assert Address(host, 1).is_loopback is is_loopback


def test_a_storage_url_is_relative_with_three_slashes_and_absolute_with_four() -> None:
    assert parse_storage_url("sqlite:///data/a.db", BASE).path == Path("/base/data/a.db")
    assert parse_storage_url("sqlite:////data/a.db", BASE).path == Path("/data/a.db")


def test_a_storage_url_of_a_server_is_left_to_its_library() -> None:
    text = "postgresql://hyok@db-1:5433/kms?host=db-2&sslmode=verify-full"
    url = parse_storage_url(text, BASE)
    assert (url.path, str(url), url.is_absent) == (None, text, False)


@pytest.mark.parametrize(
    "text", ["postgresql://u:hunter2@h/d", "postgresql://h/d?Password=hunter2", "postgresql://h/d x"]
)
def test_a_storage_url_holds_no_password(text: str) -> None:
    with pytest.raises(ValueError):
        parse_storage_url(text, BASE)


def test_a_path_is_made_absolute_and_plain() -> None:
    assert parse_path("x/../y", BASE) == Path("/base/y")


def test_a_shown_text_is_one_line_of_ascii() -> None:
    assert describe_text('a\n"é\x1b') == r'"a\n\"\xe9\x1b"'
