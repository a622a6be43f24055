"""Reads what CloudTrail delivered: the events of AWS KMS, out of log files among whatever else is there.

Files are `.json` and `.json.gz` as CloudTrail delivers them, and `.jsonl` with an event on each line, as exports have
them and as hyok's own KMS can write. Digest and insight files, and events of other services, are passed over.
Source: CloudTrail User Guide, "CloudTrail log file examples" and "CloudTrail record contents".
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final, NamedTuple

import msgspec

from hyok.audit.reconciliation.objects import MalformedStreamError, split_objects
from hyok.errors import OperatorError

_SUFFIXES: Final = (".json", ".json.gz", ".jsonl", ".jsonl.gz")
_OTHER_FILES: Final = frozenset({"CloudTrail-Digest", "CloudTrail-Insight", "CloudTrail-Aggregated"})
_GZIP: Final = b"\x1f\x8b"
_CHUNK_BYTES: Final = 64 * 1024
_KMS: Final = b'"kms.amazonaws.com"'
_API_CALL: Final = "AwsApiCall"
_KMS_KEY: Final = ":key/"


class _Record(msgspec.Struct, rename="camel", gc=False):
    pass


class _UserIdentity(_Record):
    arn: str | None = None
    invoked_by: str | None = None


class _Resource(_Record):
    arn: str | None = msgspec.field(name="ARN", default=None)


class _External(_Record):
    custom_key_store_id: str | None = None
    xks_key_id: str | None = None
    source_custom_key_store_id: str | None = None
    source_xks_key_id: str | None = None
    destination_custom_key_store_id: str | None = None
    destination_xks_key_id: str | None = None


class _Event(_Record):
    event_source: str
    event_name: str
    event_time: datetime
    event_type: str = _API_CALL
    event_id: str | None = msgspec.field(name="eventID", default=None)
    shared_event_id: str | None = msgspec.field(name="sharedEventID", default=None)
    request_id: str | None = msgspec.field(name="requestID", default=None)
    user_identity: _UserIdentity | None = None
    error_code: str | None = None
    resources: list[_Resource] | None = None
    additional_event_data: _External | None = None
    request_parameters: _External | None = None


class KmsEvent(msgspec.Struct, array_like=True, frozen=True, gc=False, tag="event"):
    """What matters of one event of AWS KMS."""

    request_id: str
    time: float
    """Unix seconds; CloudTrail knows no smaller unit."""
    event_id: str
    """The id that the copies in several accounts' trails share, if there are any."""
    name: str
    """The KMS operation."""
    principal: str
    """Its ARN, or the service principal if there is none; empty if neither is said."""
    error: str
    """Empty if the call succeeded."""
    key_arns: tuple[str, ...]
    store_ids: tuple[str, ...]
    """The custom key stores of its external keys."""
    xks_key_ids: tuple[str, ...]
    """The external keys, where the event names them."""


class Unreadable(NamedTuple):
    """A file, or an event in one, that is not what CloudTrail writes."""

    file: Path
    text: str


class FileRead(NamedTuple):
    """A file is done."""

    size_bytes: int
    events: int
    """Of all services."""


def find_log_files(place: Path) -> list[Path]:
    """Return the log files of a directory and those below it, or the one file. OperatorError if there are none."""
    if place.is_file():
        return [place]
    found = [
        path
        for path in place.rglob("*")
        if path.name.endswith(_SUFFIXES) and _OTHER_FILES.isdisjoint(path.parts) and path.is_file()
    ]
    if not found:
        there = "has" if place.is_dir() else "is not there, so it has"
        raise OperatorError(
            f"{place} {there} no CloudTrail log files (.json.gz, .json or .jsonl); copy them from the trail's bucket, "
            f"for example with aws s3 sync s3://BUCKET/AWSLogs {place}"
        )
    return sorted(found)


def read_events(files: list[Path]) -> Iterator[KmsEvent | Unreadable | FileRead]:
    """Yield the KMS events of all files, what cannot be read of them, and each file's end."""
    for path in files:
        yield from _read_file(path)


def parse_event(record: bytes) -> KmsEvent | None:
    """Read one record; None if it is of another service or no API call. msgspec.MsgspecError if it is no event."""
    if _KMS not in record:
        return None
    try:
        event = _decode(record)
    except RecursionError as error:
        raise msgspec.DecodeError("it is nested too deeply") from error
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError("it is not UTF-8") from error
    if event.event_source != "kms.amazonaws.com" or event.event_type != _API_CALL or not event.request_id:
        return None
    return KmsEvent(
        request_id=event.request_id,
        time=_seconds(event.event_time),
        event_id=event.shared_event_id or event.event_id or "",
        name=event.event_name,
        principal=_principal(event.user_identity),
        error=event.error_code or "",
        key_arns=tuple(each.arn for each in event.resources or () if each.arn and _KMS_KEY in each.arn),
        store_ids=_named(event, "custom_key_store_id"),
        xks_key_ids=_named(event, "xks_key_id"),
    )


_decode: Final = msgspec.json.Decoder(_Event).decode


def _read_file(path: Path) -> Iterator[KmsEvent | Unreadable | FileRead]:
    events = 0
    try:
        with path.open("rb") as file:
            for record in split_objects(_chunks(file)):
                events += 1
                try:
                    event = parse_event(record)
                except msgspec.MsgspecError as error:
                    yield Unreadable(path, f"event {events} is none of CloudTrail's: {error}")
                    continue
                if event is not None:
                    yield event
    except MalformedStreamError as error:
        yield Unreadable(path, str(error))
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        yield Unreadable(path, f"cannot be read: {reason}")
    yield FileRead(path.stat().st_size, events)


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    # By its content and not its name: some tools unpack on the way and leave the name.
    is_compressed = file.read(len(_GZIP)) == _GZIP
    file.seek(0)
    source: IO[bytes] = gzip.GzipFile(fileobj=file) if is_compressed else file  # type: ignore[assignment]  # reads alike
    while chunk := source.read(_CHUNK_BYTES):
        yield chunk


def _seconds(time: datetime) -> float:
    return (time if time.tzinfo is not None else time.replace(tzinfo=UTC)).timestamp()


def _principal(identity: _UserIdentity | None) -> str:
    if identity is None:
        return ""
    return identity.arn or identity.invoked_by or ""


def _named(event: _Event, member: str) -> tuple[str, ...]:
    """Return what an event says of external keys: in its additional data, or for CreateKey in the request."""
    places = (event.additional_event_data, event.request_parameters if event.event_name == "CreateKey" else None)
    names = (member, f"source_{member}", f"destination_{member}")
    found = (getattr(place, name) for place in places if place is not None for name in names)
    return tuple(dict.fromkeys(each for each in found if each))
