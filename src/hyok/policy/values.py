"""What a request is decided by."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Mapping
from typing import NamedTuple

Scalar = str | bool | int | float | bytes
"""One value of a condition key. Times are Unix seconds. Bytes are only for Binary operators."""

Value = Scalar | tuple[str, ...]
"""All of a condition key in one request; an empty tuple is an absent key."""

Context = Mapping[str, Value]
"""Condition keys, *their names in lower case*, and what they are in one request."""


class Request(NamedTuple):
    """One use of a key, before it is decided on."""

    principal: str
    """An ARN, the name of a service, or whatever else KMS names as its caller; empty for nobody in particular."""
    action: str
    """As `kms:Encrypt`."""
    resource: str
    """The ARN of the resource; empty if the request names none."""
    context: Context


def fold_names(context: Mapping[str, Value]) -> dict[str, Value]:
    """Return a context with its names in lower case, as a Request wants them."""
    return {name.lower(): value for name, value in context.items()}


def text_of(value: Scalar) -> str:
    """Write a value as policies do: `true`, numbers without a needless fraction, bytes as Base64."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return b2a_base64(value, newline=False).decode()
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, int) or value.is_integer() else repr(value)


def scalars_of(value: Value) -> tuple[Scalar, ...]:
    """Return the single values of a condition key."""
    return value if isinstance(value, tuple) else (value,)
