"""Invariant: what unwraps is wrapped again to the same bytes; all else is one OperatorError, which does not show it."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding

from hyok.custody.key_transport import unwrap_material
from hyok.errors import OperatorError
from hyok.secret import Secret

_KEY = bytes(range(32))
_WRAPPED = aes_key_wrap_with_padding(_KEY, bytes(32))
SEEDS = (_WRAPPED, base64.b64encode(_WRAPPED), base64.encodebytes(_WRAPPED), _WRAPPED[:-1], b"")


def fuzz_one(data: bytes) -> None:
    """Unwrap, and wrap again what was accepted; take the same bytes for a wrapping key."""
    try:
        material = unwrap_material(data, Secret(_KEY))
    except OperatorError:
        pass
    else:
        assert aes_key_wrap_with_padding(_KEY, material.reveal()) in (data, base64.b64decode(data))
    said = ""
    try:
        unwrap_material(_WRAPPED, Secret(data))
    except OperatorError as error:
        said = str(error)
    assert len(data) < 4 or data.hex() not in said
