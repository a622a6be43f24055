"""SHA-256 and HMAC-SHA-256 for the way of a request.

`hashlib.sha256` and `hmac.digest` look their algorithm up in OpenSSL on each call. Beside other code, which has pushed
OpenSSL's tables out of the processor's caches, that costs more than hashing some hundred bytes. A copy of a hash that
is there already needs no look-up.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hashlib import _Hash

BLOCK_BYTES: Final = 64

_copy_of_empty: Final = hashlib.sha256().copy
_INNER_PAD: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER_PAD: Final = bytes(byte ^ 0x5C for byte in range(256))


def sha256(content: bytes) -> _Hash:
    """Return the hash of a text, as `hashlib.sha256` does: to take its digest, or to copy and go on with."""
    state = _copy_of_empty()
    state.update(content)
    return state


def hmac_sha256(key: bytes, text: bytes) -> bytes:
    """Return the 32 bytes of HMAC-SHA-256 (RFC 2104). ValueError for a key of more than 64 bytes."""
    inner, outer = padded(key)
    return sha256(outer + sha256(inner + text).digest()).digest()


def padded(key: bytes) -> tuple[bytes, bytes]:
    """Return what HMAC's inner and outer hash begin with: a block each. ValueError for a key of more than a block."""
    block = key.ljust(BLOCK_BYTES, b"\0")
    if len(block) != BLOCK_BYTES:
        raise ValueError(f"a key of HMAC has at most {BLOCK_BYTES} bytes here, not {len(block)}")
    return block.translate(_INNER_PAD), block.translate(_OUTER_PAD)
