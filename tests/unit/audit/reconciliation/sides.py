"""Both sides of a comparison, made for tests: a trail with the records of a proxy, and CloudTrail's files."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hyok.audit.event import RequestRecord
from hyok.xks.messages import RequestMetadata
from tests.unit.audit.logs import new_signer, open_log

ALICE = "arn:aws:iam::123456789012:user/Alice"
BOB = "arn:aws:sts::123456789012:assumed-role/app/bob"
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OTHER_KEY = "arn:aws:kms:eu-central-1:123456789012:key/2234abcd-12ab-34cd-56ef-1234567890ab"
STORE = "cks-0123456789abcdef0"
XKS_KEY = "held-key"
AT = 1_795_000_000.0
"""When the first record of a trail is written: 2026-11-18T11:06:40Z."""
LATER = AT + 86_400

PROXY_OPERATIONS = {"Decrypt": "Decrypt", "CreateKey": "GetKeyMetadata"}


def a_use(
    request_id: str,
    operation: str = "Encrypt",
    *,
    at: float = AT + 60,
    by: str = ALICE,
    key: str = KEY,
    xks_key: str = XKS_KEY,
    asks: str = "",
    error: str = "",
) -> RequestRecord:
    """A record of a proven request."""
    record = RequestRecord(datetime.fromtimestamp(at, UTC), "192.0.2.7:4711", key_store="held")
    record.operation = asks or PROXY_OPERATIONS.get(operation, "Encrypt")
    record.external_key_id = xks_key
    record.request_metadata = RequestMetadata(
        operation, request_id, aws_principal_arn=by, kms_key_arn="" if operation == "CreateKey" else key
    )
    record.status, record.error = (400, error) if error else (200, "")
    return record


def an_event(
    request_id: str,
    operation: str = "Encrypt",
    *,
    at: float = AT + 60,
    by: str = ALICE,
    keys: Iterable[str] = (KEY,),
    xks_key: str | None = XKS_KEY,
    error: str | None = None,
    **more: object,
) -> dict[str, Any]:
    """An event as CloudTrail writes it, with much that does not matter here."""
    event: dict[str, Any] = {
        "eventVersion": "1.08",
        "userIdentity": {"type": "IAMUser", "arn": by, "accountId": "123456789012", "userName": 'Ali{c}e "quoted"'},
        "eventTime": datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": "kms.amazonaws.com",
        "eventName": operation,
        "awsRegion": "eu-central-1",
        "sourceIPAddress": "192.0.2.1",
        "userAgent": "aws-cli/2.x {\\}",
        "requestParameters": {"encryptionContext": {"a }": "b {"}, "encryptionAlgorithm": "SYMMETRIC_DEFAULT"},
        "responseElements": None,
        "requestID": request_id,
        "eventID": f"event-of-{request_id}",
        "readOnly": True,
        "resources": [{"accountId": "123456789012", "type": "AWS::KMS::Key", "ARN": arn} for arn in keys],
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": "123456789012",
        "eventCategory": "Management",
    }
    if xks_key is not None:
        event["additionalEventData"] = {"customKeyStoreId": STORE, "xksKeyId": xks_key}
    if error is not None:
        event["errorCode"], event["errorMessage"] = error, "…"
    return {**event, **more}


def of_another_service(number: int = 1) -> dict[str, Any]:
    """An event of Amazon S3."""
    return an_event(f"s3-{number}", "GetObject", xks_key=None, eventSource="s3.amazonaws.com")


def write_trail(directory: Path, *records: RequestRecord, begun_at: float = AT) -> Path:
    """Write a trail as a proxy does."""
    log = open_log(directory, new_signer(), now=lambda: begun_at)
    for number, record in enumerate(records):
        promised = log.reserve(0)
        while not promised:
            time.sleep(0.01)  # room is made in another thread, and this one writes faster than any proxy
            promised = log.reserve(0)
        log.append(record, promised)
        if number % 100 == 0:
            log.flush()
    log.close()
    return directory


def write_cloudtrail(directory: Path, *events: dict[str, Any], name: str = "a") -> Path:
    """Write one log file where CloudTrail delivers it."""
    place = directory / "AWSLogs/123456789012/CloudTrail/eu-central-1/2026/11/18"
    place.mkdir(parents=True, exist_ok=True)
    content = json.dumps({"Records": list(events)}, separators=(",", ":")).encode()
    (place / f"123456789012_CloudTrail_eu-central-1_20261118T1110Z_{name}.json.gz").write_bytes(gzip.compress(content))
    return directory
