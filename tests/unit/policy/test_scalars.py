from __future__ import annotations

import pytest

from hyok.policy.scalars import (
    AddressRange,
    address_of,
    binary_of,
    bool_of,
    instant_of,
    number_of,
    parse_instant,
    parse_network,
    parse_number,
)
from hyok.policy.values import Scalar, text_of

NOON = 1772366400  # 2026-03-01T12:00:00Z


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("-12", -12), ("+3", 3), ("1.5", 1.5), ("1e3", 1000.0), ("9007199254740993", 2**53 + 1)],
)
def test_a_number_is_read(text: str, number: float) -> None:
    assert parse_number(text) == number


@pytest.mark.parametrize(
    "text", ["", "a", "1.", ".5", "1e", "0x10", "inf", "nan", "1e999", "1_000", " 1", "1" * 41, "٣"]
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a number"):
        parse_number(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-03-01T12:00:00Z", NOON),
        ("2026-03-01T12:00Z", NOON),
        ("2026-03-01T14:30:00+02:30", NOON),
        ("2026-03-01T09:30:00-02:30", NOON),
        ("2026-03-01T12:00:00.25Z", NOON + 0.25),
        ("2026-03-01", NOON - 12 * 3600),
        ("2026-03", NOON - 12 * 3600),
        ("1970", 0),
        ("1969-12-31T23:59:59Z", -1),
        (str(NOON), NOON),
        ("1772366400.5", NOON + 0.5),
    ],
)
def test_an_instant_is_read(text: str, seconds: float) -> None:
    assert parse_instant(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        *("", "now", "2026-13", "2026-02-30", "2026-03-01T12", "2026-03-01T12:00:00", "2026-03-01 12:00:00Z"),
        *("2026-W10", "2026-03-01T25:00:00Z", "2026-03-01T12:00:00+25:00", "20260301T120000Z", "0000-01-01"),
    ],
)
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_instant(text)


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("10.1.2.3", AddressRange(4, 0x0A010203, 0x0A010203)),
        ("10.1.2.3/8", AddressRange(4, 0x0A000000, 0x0AFFFFFF)),
        ("::1", AddressRange(6, 1, 1)),
        ("::/0", AddressRange(6, 0, 2**128 - 1)),
        ("::ffff:10.0.0.0/104", AddressRange(4, 0x0A000000, 0x0AFFFFFF)),
        ("::ffff:10.1.2.3", AddressRange(4, 0x0A010203, 0x0A010203)),
    ],
)
def test_a_network_is_read(text: str, network: AddressRange) -> None:
    assert parse_network(text) == network


@pytest.mark.parametrize(
    "text", ["", "10.1.2", "10.1.2.3/33", "10.0.0.0/255.0.0.0", "010.1.2.3", "::1%eth0", "a.b", "*"]
)
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_network(text)


def test_an_address_of_a_request_may_have_a_zone_but_no_prefix() -> None:
    assert address_of("fe80::1%eth0") == parse_network("fe80::1")
    assert address_of("10.0.0.0/8") is None
    assert address_of(7) is None


def test_a_truth_value_is_no_number_and_a_number_no_truth_value() -> None:
    assert number_of(True) is None
    assert instant_of(False) is None
    assert bool_of(1) is None
    assert bool_of("TRUE") is True
    assert bool_of("yes") is None


def test_bytes_are_compared_as_bytes() -> None:
    assert binary_of(b"ab") == binary_of("YWI=") == b"ab"
    assert binary_of("YWI") is None
    assert number_of(b"7") is None


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a"), (True, "true"), (False, "false"), (7, "7"), (7.0, "7"), (7.25, "7.25"), (b"\x01", "AQ==")],
)
def test_a_value_is_written_as_policies_write_it(value: Scalar, text: str) -> None:
    assert text_of(value) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_none_is_written_and_matches_none(value: float) -> None:
    assert text_of(value) == repr(value)
    assert number_of(value) is None
