"""Numbers, instants, addresses and bytes: as policies write them, and as requests bring them.

`parse_…` reads a policy's text and raises ValueError; `…_of` takes a request's value and returns None if it is nothing
of that kind, so that it matches nothing.
"""

from __future__ import annotations

import binascii
import re
from datetime import UTC, datetime, timedelta, timezone
from ipaddress import ip_network
from math import isfinite
from typing import Final, NamedTuple

from hyok.policy.values import Scalar

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,40}")
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?")
_INSTANT: Final = re.compile(
    r"(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2})"
    r"(?:T(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?P<fraction>\.[0-9]{1,9})?)?"
    r"(?:Z|(?P<sign>[+-])(?P<ahead_hours>[0-9]{2}):(?P<ahead_minutes>[0-9]{2})))?)?)?"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CIDR: Final = re.compile(r"[0-9a-fA-F:.]+(?:/[0-9]{1,3})?")
_IPV6: Final = 6
_IPV4_BITS: Final = 32
_IPV4_MASK: Final = 0xFFFFFFFF
_MAPPED: Final = 0xFFFF
"""What stands above the last 32 bits of an IPv4 address that is written as IPv6."""


class AddressRange(NamedTuple):
    """An IP address, or the addresses of a network."""

    version: int
    first: int
    last: int

    def holds(self, address: AddressRange) -> bool:
        """Tell whether an address lies in this network."""
        return self.version == address.version and self.first <= address.first <= self.last


def parse_number(text: str) -> int | float:
    """Read a decimal number; whole ones stay exact."""
    if _INTEGER.fullmatch(text):
        return int(text)
    number = float(text) if _NUMBER.fullmatch(text) else float("nan")
    if not isfinite(number):
        raise ValueError("not a number")
    return number


def number_of(value: Scalar) -> int | float | None:
    """Take a request's value for a number."""
    if isinstance(value, str):
        try:
            return parse_number(value)
        except ValueError:
            return None
    if isinstance(value, bool | bytes) or (isinstance(value, float) and not isfinite(value)):
        return None
    return value


def parse_instant(text: str) -> int | float:
    """Read a date and time as Unix seconds: one of the W3C's forms of ISO 8601, or a number.

    Four digits alone are a year. What is left out is the first of it: `2026-03` is its first midnight, in UTC.
    """
    found = _INSTANT.fullmatch(text)
    if found is None:
        return parse_number(text)
    zone = UTC
    if found["sign"]:
        ahead = timedelta(hours=int(found["ahead_hours"]), minutes=int(found["ahead_minutes"]))
        zone = timezone(ahead if found["sign"] == "+" else -ahead)
    date = (int(found["year"]), int(found["month"] or 1), int(found["day"] or 1))
    time = (int(found["hour"] or 0), int(found["minute"] or 0), int(found["second"] or 0))
    seconds = (datetime(*date, *time, tzinfo=zone) - _EPOCH).total_seconds()
    return seconds + float(found["fraction"] or 0)


def instant_of(value: Scalar) -> int | float | None:
    """Take a request's value for an instant."""
    if isinstance(value, str):
        try:
            return parse_instant(value)
        except ValueError:
            return None
    return number_of(value)


def parse_network(text: str) -> AddressRange:
    """Read an address, or a network in CIDR form; IPv4 written as IPv6 is IPv4."""
    if not _CIDR.fullmatch(text):
        raise ValueError("not an address, and not a network in CIDR form")
    network = ip_network(text, strict=False)
    first, last = int(network.network_address), int(network.broadcast_address)
    if network.version == _IPV6 and first >> _IPV4_BITS == last >> _IPV4_BITS == _MAPPED:
        return AddressRange(4, first & _IPV4_MASK, last & _IPV4_MASK)
    return AddressRange(network.version, first, last)


def address_of(value: Scalar) -> AddressRange | None:
    """Take a request's value for an address."""
    if not isinstance(value, str) or "/" in value:
        return None
    try:
        return parse_network(value.partition("%")[0])
    except ValueError:
        return None


def parse_binary(text: str) -> bytes:
    """Read Base64 of the standard alphabet, padded."""
    return binascii.a2b_base64(text, strict_mode=True)


def binary_of(value: Scalar) -> bytes | None:
    """Take a request's value for bytes; a text is their Base64."""
    if isinstance(value, str):
        try:
            return parse_binary(value)
        except ValueError:
            return None
    return value if isinstance(value, bytes) else None


def parse_bool(text: str) -> bool:
    """Read `true` or `false`, in any case."""
    folded = text.lower()
    if folded not in ("true", "false"):
        raise ValueError("neither true nor false")
    return folded == "true"


def bool_of(value: Scalar) -> bool | None:
    """Take a request's value for a truth value."""
    if isinstance(value, str):
        try:
            return parse_bool(value)
        except ValueError:
            return None
    return value if isinstance(value, bool) else None
