"""Invariant: any bytes are exactly the line that their 32-byte key would be written as, or one OperatorError.

No two contents but for the final line feed give the same key.
"""

from __future__ import annotations

import base64

from hyok.custody.file_root import parse_root_key
from hyok.errors import OperatorError

SEEDS = (
    b"hyok-root-1 " + base64.b64encode(bytes(range(32))) + b"\n",
    b"hyok-root-1 " + base64.b64encode(bytes(32)),
)


def fuzz_one(data: bytes) -> None:
    """Parse, and write again what was accepted."""
    try:
        key = parse_root_key(data, location="fuzzed").reveal()
    except OperatorError:
        return
    assert len(key) == 32
    assert data.removesuffix(b"\n") == b"hyok-root-1 " + base64.b64encode(key)
