"""Requests to try policies on: written by hand in the words of the audit trail, or taken from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec

from hyok.audit.event import RequestRecord
from hyok.errors import NotDoneError
from hyok.policy.errors import suggest
from hyok.proxy.authorization.facts import Facts, Organizations, address_without_port
from hyok.xks.messages import RequestMetadata
from hyok.xks.operations import XksOperation

_NAMED_METADATA: Final = {field.encode_name: field.name for field in msgspec.structs.fields(RequestMetadata)}
_NAMES_BY_FOLDED: Final = {name.lower(): name for name in _NAMED_METADATA}
_EXPORTED: Final = ("event", "log", "number")
"""What `hyok audit export` adds."""
_RECORD_NAMES: Final = frozenset((*(field.encode_name for field in msgspec.structs.fields(RequestRecord)), *_EXPORTED))
_METADATA_OPERATIONS: Final = ("CreateKey", "DescribeKey")
_NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)


class TrialRequest(NamedTuple):
    """One request, as far as it is told."""

    metadata: RequestMetadata
    extra: Mapping[str, object]
    """Members of its metadata that the specification does not name, by their names in lower case."""
    operation: str
    """The XKS proxy API's."""
    key_store: str
    external_key_id: str
    address: str
    """Empty if it is not told."""
    time: datetime | None
    """None if it is not told."""

    def facts(self, organizations: Organizations) -> Facts:
        """Return what policies look at; noon of a day where no time is told."""
        return Facts(
            self.metadata,
            self.operation,
            self.key_store,
            self.external_key_id,
            self.address,
            (self.time or _NOON).timestamp(),
            self.extra,
            organizations,
        )


def read_request(record: Mapping[str, Any]) -> TrialRequest:
    """Read an audit record of a request, or what somebody wrote in its words. NotDoneError if it is none.

    `request_metadata` is as KMS sends it; what is left out is empty.
    """
    given = record.get("request_metadata")
    if not isinstance(given, Mapping):
        raise NotDoneError(
            'the request has no "request_metadata"; write what KMS sends, as {"awsPrincipalArn": "…", …}'
        )
    further = record.get("extra_metadata") or {}
    members = {**given, **further} if isinstance(further, Mapping) else dict(given)
    metadata = _read_metadata(members)
    return TrialRequest(
        metadata=metadata,
        extra={name.lower(): member for name, member in members.items() if name not in _NAMED_METADATA},
        operation=_text(record, "operation") or _usual_operation(metadata.kms_operation),
        key_store=_text(record, "key_store"),
        external_key_id=_text(record, "external_key_id"),
        address=_address(_text(record, "peer")),
        time=_time(_text(record, "time")),
    )


def refuse_other_names(record: Mapping[str, Any]) -> None:
    """Raise NotDoneError for a name that no audit record has: in what people write it is a typing error."""
    for name in record:
        if name not in _RECORD_NAMES:
            raise NotDoneError(f"{name!r} is no member of an audit record{suggest(name, _RECORD_NAMES)}")


def _read_metadata(members: Mapping[str, Any]) -> RequestMetadata:
    values: dict[str, str] = {"kms_operation": "", "kms_request_id": ""}
    for name, member in members.items():
        known = _NAMES_BY_FOLDED.get(name.lower())
        if known is not None and known != name:
            raise NotDoneError(f"request_metadata.{name} is not a name that KMS uses; write {known!r}")
        if known is None:
            continue
        if not isinstance(member, str):
            raise NotDoneError(f"request_metadata.{name} must be a text")
        values[_NAMED_METADATA[name]] = member
    return RequestMetadata(**values)


def _usual_operation(kms_operation: str) -> str:
    if kms_operation == "Decrypt":
        return XksOperation.DECRYPT.value
    if kms_operation in _METADATA_OPERATIONS:
        return XksOperation.GET_KEY_METADATA.value
    return XksOperation.ENCRYPT.value


def _text(record: Mapping[str, object], name: str) -> str:
    value: object = record.get(name, "")
    if not isinstance(value, str):
        raise NotDoneError(f"{name} must be a text")
    return value


def _address(peer: str) -> str:
    # Written by hand it may have no port, and an IPv6 address without one has more than one colon.
    has_port = peer.count(":") == 1 or "]:" in peer
    return address_without_port(peer) if has_port else peer.strip("[]")


def _time(text: str) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise NotDoneError(f"time {text!r} is no time; write 2026-03-04T08:30:00Z") from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
