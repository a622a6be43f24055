"""The encryption context in the one form in which it is authenticated.

Pairs sorted by the UTF-8 bytes of their names; each name and each value as a 2-byte big-endian length and its UTF-8
bytes. The lengths are what makes it sound: without them `{"a": "bc"}` and `{"ab": "c"}` would be one context. Nothing
is folded or normalised, because AWS compares contexts exactly. The form is part of the ciphertext format and never
changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct
from typing import Final

from hyok.kms import errors

MAX_CANONICAL_BYTES: Final = 8192 - 43
"""What the ciphertext header leaves of the 8192 bytes of AAD that every XKS proxy must accept (XKS API, Encrypt)."""

_LENGTH: Final = Struct(">H").pack


def canonical_context(context: Mapping[str, str] | None) -> bytes:
    """Return the context's canonical form; empty for no context and for an empty one, which are the same to AWS.

    Raises `AwsError` ValidationException if it is longer than `MAX_CANONICAL_BYTES` or not Unicode.
    """
    if not context:
        return b""
    try:
        pairs = sorted([(name.encode(), value.encode()) for name, value in context.items()])
    except UnicodeEncodeError as error:
        raise errors.validation("The encryption context is not valid Unicode: it has an unpaired surrogate.") from error
    size = 4 * len(pairs)
    for name, value in pairs:
        size += len(name) + len(value)
    if size > MAX_CANONICAL_BYTES:
        raise errors.validation(
            f"The encryption context is too large: {size} bytes with 4 more for each pair, "
            f"at most {MAX_CANONICAL_BYTES} are allowed."
        )
    return b"".join([b"%b%b%b%b" % (_LENGTH(len(name)), name, _LENGTH(len(value)), value) for name, value in pairs])
