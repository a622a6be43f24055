"""The record of a request as a line of JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from hyok.audit.event import RequestRecord, encode_record
from hyok.xks.messages import RequestMetadata

WHEN = datetime(2025, 11, 24, 6, 0, 1, 250000, UTC)


def test_a_record_is_one_line_of_json_that_names_its_kind_and_time() -> None:
    line = encode_record(RequestRecord(WHEN, "192.0.2.7:4711", key_store="dev", key_version=3, status=200))

    assert b"\n" not in line
    assert json.loads(line) == {
        "event": "xks_request",
        "time": "2025-11-24T06:00:01.250000Z",
        "peer": "192.0.2.7:4711",
        "key_store": "dev",
        "key_version": 3,
        "status": 200,
    }


def test_control_characters_from_outside_cannot_forge_a_second_line() -> None:
    metadata = RequestMetadata(kms_operation="Encrypt", kms_request_id='a\n{"event":"xks_request"}\r\x1b[2J\x00')
    record = RequestRecord(WHEN, "192.0.2.7:4711", request_metadata=metadata)

    line = encode_record(record)

    assert all(byte >= 0x20 for byte in line)
    assert json.loads(line)["request_metadata"]["kmsRequestId"] == metadata.kms_request_id


def test_no_field_can_take_bytes_so_none_can_hold_key_material() -> None:
    harmless = {"str", "int", "datetime", "Arn", "tuple[str, ...]", "RequestMetadata | None"}
    unnamed = {"dict[str, object] | None"}  # what requestMetadata has besides: decoded JSON
    for fields in (RequestRecord.__annotations__, RequestMetadata.__annotations__):
        assert set(fields.values()) <= harmless | unnamed
