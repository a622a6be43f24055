"""What the trail has of uses that KMS made of external keys: one for each request that a proxy answered.

Not among them: health checks, which no call of KMS's caller stands behind, and requests that nothing proves.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from hyok.audit.reader import StoredRecord, read_log
from hyok.audit.trail import read_trail

_REQUEST: Final = b'{"event":"xks_request"'
_HEALTH: Final = "GetHealthStatus"
_OK: Final = 200


class _Metadata(msgspec.Struct, rename="camel", gc=False):
    kms_request_id: str = ""
    kms_operation: str = ""
    aws_principal_arn: str = ""
    kms_key_arn: str = ""


class _Request(msgspec.Struct, gc=False):
    time: datetime
    key_store: str = ""
    operation: str = ""
    external_key_id: str = ""
    request_metadata: _Metadata | None = None
    status: int = 0
    error: str = ""
    authentication_failure: str = ""


class Use(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="use"):
    """One request to a proxy that was proven to be KMS's."""

    request_id: str
    time: float
    """Unix seconds."""
    kms_operation: str
    xks_operation: str
    principal: str
    key_arn: str
    """Empty for CreateKey, when the KMS key has no ARN yet."""
    external_key_id: str
    key_store: str
    error: str
    """Empty if the proxy did what was asked."""
    log: str
    record: int
    """The record's number in its log."""


class NoUse(NamedTuple):
    """A record that tells of none."""

    kind: str
    """`health_check`, `unproven`, `malformed` or `other`."""
    time: float | None


def read_uses(directory: Path) -> Iterator[Use | NoUse]:
    """Yield what a trail has, log by log. OperatorError if the directory is none."""
    for place in read_trail(directory, None).places():
        if place.directory.is_dir():
            for record in read_log(place):
                yield parse_use(record)


def parse_use(record: StoredRecord) -> Use | NoUse:
    """Read one record of a trail."""
    time = record.time.timestamp() if record.time.year > 1 else None
    if not record.line.startswith(_REQUEST):
        return NoUse("other", time)
    try:
        request = _decode(record.line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return NoUse("malformed", time)
    if request.authentication_failure:
        return NoUse("unproven", time)
    if request.operation == _HEALTH:
        return NoUse("health_check", time)
    metadata = request.request_metadata
    if metadata is None:
        return NoUse("malformed", time)  # it was refused before anybody understood it, and used no key
    return Use(
        request_id=metadata.kms_request_id,
        time=request.time.timestamp(),
        kms_operation=metadata.kms_operation,
        xks_operation=request.operation,
        principal=metadata.aws_principal_arn,
        key_arn=metadata.kms_key_arn,
        external_key_id=request.external_key_id,
        key_store=request.key_store,
        error="" if request.status == _OK else request.error or f"status {request.status}",
        log=record.log,
        record=record.number,
    )


_decode: Final = msgspec.json.Decoder(_Request).decode
