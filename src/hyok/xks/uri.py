"""The URIs of the XKS proxy API.

`[/<path-prefix>]/kms/xks/v1/keys/<externalKeyId>/{metadata|encrypt|decrypt}` and `[/<path-prefix>]/kms/xks/v1/health`.
Nothing is decoded: no allowed character needs encoding, so a `%` is as wrong as a `?`.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from hyok.xks.errors import XksError, XksErrorName
from hyok.xks.limits import MAX_KEY_ID_CHARACTERS, MAX_URI_PATH_CHARACTERS
from hyok.xks.operations import XksOperation

__all__ = ["XksOperation", "XksTarget", "build_path", "is_external_key_id", "parse_target", "validate_uri_path"]

_API: Final = b"/kms/xks/v1"
_KEYS: Final = _API + b"/keys"
_ALPHANUMERIC: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_PATH_CHARACTERS: Final = _ALPHANUMERIC + b"/-_"
_KEY_ID_CHARACTERS: Final = _ALPHANUMERIC + b"-._"
_KEY_OPERATIONS: Final = {
    b"metadata": XksOperation.GET_KEY_METADATA,
    b"encrypt": XksOperation.ENCRYPT,
    b"decrypt": XksOperation.DECRYPT,
}
_SEGMENTS: Final = {operation: segment.decode() for segment, operation in _KEY_OPERATIONS.items()}


class XksTarget(Struct, frozen=True, gc=False):
    """What a request is for."""

    prefix: bytes
    """What stands before `/kms/xks/v1`: empty, or a slash and more."""
    operation: XksOperation
    key_id: bytes
    """Empty for GetHealthStatus."""


def parse_target(target: bytes) -> XksTarget:
    """Read a request target, whatever the method. XksError INVALID_URI_PATH unless it is one to the letter."""
    # From the right, because a prefix may hold anything, even another `/kms/xks/v1`, and a key id no slash.
    head, _, last = target.rpartition(b"/")
    operation = _KEY_OPERATIONS.get(last)
    if operation is None:
        prefix = head[: -len(_API)]
        if last == b"health" and head.endswith(_API) and _is_prefix(prefix):
            return XksTarget(prefix, XksOperation.GET_HEALTH_STATUS, b"")
    else:
        head, _, key_id = head.rpartition(b"/")
        prefix = head[: -len(_KEYS)]
        if head.endswith(_KEYS) and _is_key_id(key_id) and _is_prefix(prefix):
            return XksTarget(prefix, operation, key_id)
    raise XksError(XksErrorName.INVALID_URI_PATH, "no operation of the XKS proxy API has this path")


def build_path(uri_path: str, operation: XksOperation, key_id: str = "") -> bytes:
    """Return the target of a request below an `XksProxyUriPath`; both parts must have been validated before."""
    if operation is XksOperation.GET_HEALTH_STATUS:
        return f"{uri_path}/health".encode()
    return f"{uri_path}/keys/{key_id}/{_SEGMENTS[operation]}".encode()


def validate_uri_path(uri_path: str) -> None:
    """Return if this is an `XksProxyUriPath`, else XksError INVALID_URI_PATH with what is wrong."""
    encoded = uri_path.encode()
    if not encoded.endswith(_API):
        raise XksError(XksErrorName.INVALID_URI_PATH, "the URI path does not end with /kms/xks/v1")
    if len(encoded) > MAX_URI_PATH_CHARACTERS:
        raise XksError(
            XksErrorName.INVALID_URI_PATH,
            f"the URI path has {len(encoded)} characters, at most {MAX_URI_PATH_CHARACTERS} are allowed",
        )
    if not _is_prefix(encoded[: -len(_API)]):
        raise XksError(
            XksErrorName.INVALID_URI_PATH,
            "the URI path before /kms/xks/v1 must be empty, or a slash and one or more of a-z A-Z 0-9 / - _",
        )


def is_external_key_id(key_id: str) -> bool:
    """Tell whether this is a key id: 1 to 128 characters of `a-z A-Z 0-9 - . _`."""
    return _is_key_id(key_id.encode())


def _is_key_id(key_id: bytes) -> bool:
    return 0 < len(key_id) <= MAX_KEY_ID_CHARACTERS and not key_id.translate(None, _KEY_ID_CHARACTERS)


def _is_prefix(prefix: bytes) -> bool:
    return not prefix or (
        1 < len(prefix) <= MAX_URI_PATH_CHARACTERS - len(_API)
        and prefix.startswith(b"/")
        and not prefix.translate(None, _PATH_CHARACTERS)
    )
