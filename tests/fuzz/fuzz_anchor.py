"""Invariant: any bytes are exactly the line that their mark would be written as, or one OperatorError."""

from __future__ import annotations

from hyok.custody.anchor import parse_anchor
from hyok.errors import OperatorError

SEEDS = (
    b"hyok-anchor-1 00112233445566778899aabbccddeeff 57 01aabbcc\n",
    b"hyok-anchor-1 00112233445566778899aabbccddeeff 0 01\n",
)


def fuzz_one(data: bytes) -> None:
    """Parse, and write again what was accepted."""
    try:
        mark = parse_anchor(data, location="fuzzed")
    except OperatorError:
        return
    assert data == f"hyok-anchor-1 {mark.store_id} {mark.position} {mark.seal.hex()}\n".encode()
