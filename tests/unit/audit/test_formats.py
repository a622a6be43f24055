"""Records as other programs read them."""

from __future__ import annotations

import json

from hyok.audit.formats import encode_cef, encode_jsonl
from hyok.audit.redaction import Redaction

RECORD = {
    "event": "xks_request",
    "time": "2025-11-24T16:00:00.500000Z",
    "peer": "[2001:db8::7]:4711",
    "operation": "Decrypt",
    "external_key_id": "a",
    "request_metadata": {"kmsOperation": "Decrypt", "kmsRequestId": "r|1=2\\3", "awsPrincipalArn": "arn\nx"},
    "error": "AccessDeniedException",
    "policy": "main",
    "statement": "deny|all",
    "flags": ["first_use"],
}


def test_json_lines_name_log_and_number() -> None:
    assert json.loads(encode_jsonl(RECORD, "proxy-1", 7)) == {**RECORD, "log": "proxy-1", "number": 7}


def test_cef_escapes_what_would_end_a_field() -> None:
    line = encode_cef({**RECORD, "operation": "De|cr\\ypt"}, "proxy-1", 7).decode()

    head, tail = line.split("|6|")
    assert head.endswith("|xks_request|De\\|cr\\\\ypt")
    assert "externalId=r|1\\=2\\\\3" in tail
    assert "suser=arn\\nx" in tail
    assert "src=2001:db8::7 spt=4711" in tail
    assert "cs4Label=policyStatement cs4=main/deny|all" in tail
    assert "\n" not in line


def test_a_record_without_a_time_is_written_too() -> None:
    assert encode_cef({"event": "odd"}, "proxy-1", 0).decode().endswith("|odd|odd|3|cs6Label=record cs6=proxy-1/0")


def test_redaction_touches_what_it_names_and_not_the_record_itself() -> None:
    redaction = Redaction(["peer", "missing", "operation.x"], ["request_metadata.awsPrincipalArn"], b"k" * 32)

    redacted = redaction.apply(RECORD)

    assert "peer" not in redacted
    assert redacted["request_metadata"]["awsPrincipalArn"].startswith("pseudonym:")
    assert redacted["request_metadata"]["kmsOperation"] == "Decrypt"
    assert RECORD["peer"] == "[2001:db8::7]:4711"
    assert redaction.apply(RECORD) == redacted  # the same value has the same pseudonym
    other = Redaction([], ["peer"], b"j" * 32).apply(RECORD)["peer"]
    assert other != Redaction([], ["peer"], b"k" * 32).apply(RECORD)["peer"]
