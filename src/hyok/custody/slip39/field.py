"""Shamir's secret sharing over GF(256), byte by byte (SLIP-0039, Shamir's secret-sharing).

Look-ups in tables take a time that depends on secrets. This runs when shares are made and when they are entered, on the
machine that gets the secret anyway.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Final

from hyok.custody.slip39.errors import ShareError

SECRET_INDEX: Final = 255
DIGEST_INDEX: Final = 254
DIGEST_BYTES: Final = 4


def split_secret(secret: bytes, *, threshold: int, count: int) -> dict[int, bytes]:
    """Return `count` points, by their index from 0, of which any `threshold` give the secret back."""
    if threshold == 1:
        return dict.fromkeys(range(count), secret)
    points = {index: secrets.token_bytes(len(secret)) for index in range(threshold - 2)}
    base = {**points, DIGEST_INDEX: _digest_point(secret), SECRET_INDEX: secret}
    return points | {index: interpolate(base, index) for index in range(threshold - 2, count)}


def join_secret(points: Mapping[int, bytes], *, threshold: int) -> bytes:
    """Return the secret of exactly `threshold` points. ShareError if its digest is not the one that was shared."""
    if threshold == 1:
        return next(iter(points.values()))
    secret, digest = interpolate(points, SECRET_INDEX), interpolate(points, DIGEST_INDEX)
    if not hmac.compare_digest(digest[:DIGEST_BYTES], _digest(secret, digest[DIGEST_BYTES:])):
        raise ShareError("these shares do not belong together: what they give is not what was shared")
    return secret


def interpolate(points: Mapping[int, bytes], at: int) -> bytes:
    """Return the value at one index of the polynomial of least degree through the points, for each byte by itself."""
    if at in points:
        return points[at]
    value = bytes(len(next(iter(points.values()))))
    log_of_all = sum(_LOG[index ^ at] for index in points)
    for index, point in points.items():
        # Lagrange: the product of (x_j - at) / (x_j - x_i) over all other j.
        log_basis = (
            log_of_all - _LOG[index ^ at] - sum(_LOG[index ^ other] for other in points if other != index)
        ) % 255
        value = bytes(
            total ^ (_EXP[(_LOG[byte] + log_basis) % 255] if byte else 0)
            for total, byte in zip(value, point, strict=True)
        )
    return value


def _digest_point(secret: bytes) -> bytes:
    random = secrets.token_bytes(len(secret) - DIGEST_BYTES)
    return _digest(secret, random) + random


def _digest(secret: bytes, random: bytes) -> bytes:
    return hmac.digest(random, secret, hashlib.sha256)[:DIGEST_BYTES]


def _tables() -> tuple[list[int], list[int]]:
    """Make the powers of x + 1 and their logarithms, modulo x^8 + x^4 + x^3 + x + 1."""
    exponents, logarithms = [0] * 255, [0] * 256
    power = 1
    for exponent in range(255):
        exponents[exponent] = power
        logarithms[power] = exponent
        power ^= power << 1
        if power & 0x100:
            power ^= 0x11B
    return exponents, logarithms


_EXP, _LOG = _tables()
