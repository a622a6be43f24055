"""Invariant: a target that parses is built again byte for byte from its parts; any other is InvalidUriPath."""

from __future__ import annotations

from hyok.xks.errors import XksError, XksErrorName
from hyok.xks.uri import XksOperation, build_path, is_external_key_id, parse_target, validate_uri_path

SEEDS = (
    b"/tenant/kms/xks/v1/keys/key-1/encrypt",
    b"/kms/xks/v1/keys/a.b_c/metadata",
    b"/a/b/kms/xks/v1/keys/k/decrypt",
    b"/kms/xks/v1/health",
)


def fuzz_one(data: bytes) -> None:
    """Parse the data."""
    try:
        target = parse_target(data)
    except XksError as error:
        if error.name is not XksErrorName.INVALID_URI_PATH:
            raise
        return
    uri_path = f"{target.prefix.decode()}/kms/xks/v1"
    validate_uri_path(uri_path)
    assert build_path(uri_path, target.operation, target.key_id.decode()) == data
    assert is_external_key_id(target.key_id.decode()) is (target.operation is not XksOperation.GET_HEALTH_STATUS)
