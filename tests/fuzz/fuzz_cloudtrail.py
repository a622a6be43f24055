"""Invariant: any bytes are cut into the same objects however they arrive; each is an event, none of ours, or refused.

Whatever is cut out of what JSON readers can read is what they read; nothing but the two documented errors is raised.
"""

from __future__ import annotations

import contextlib
import json

import msgspec

from hyok.audit.reconciliation.cloudtrail import parse_event
from hyok.audit.reconciliation.objects import MalformedStreamError, split_objects

_EVENT = {
    "eventVersion": "1.08",
    "eventSource": "kms.amazonaws.com",
    "eventName": "ReEncrypt",
    "eventTime": "2026-11-24T10:53:05Z",
    "requestID": "1",
    "userIdentity": {"arn": 'arn:aws:iam::123456789012:user/{\\"}'},
    "resources": [{"ARN": "arn:aws:kms:eu-central-1:123456789012:key/1"}],
    "additionalEventData": {"sourceXksKeyId": "a", "destinationXksKeyId": "b"},
}
SEEDS = (
    json.dumps({"Records": [_EVENT, {"eventVersion": "1.08"}]}, separators=(",", ":")).encode(),
    json.dumps({"Records": [{}, _EVENT]}, indent=2).encode(),
    (json.dumps(_EVENT) + "\n" + json.dumps(_EVENT) + "\n").encode(),
    b'{"Records":[]}',
)


def fuzz_one(data: bytes) -> None:
    """Cut the data up whole and in small pieces, and read each object."""
    whole = _cut(data, len(data) or 1)
    assert whole == _cut(data, 7)
    objects, is_sound = whole
    for each in objects:
        with contextlib.suppress(msgspec.MsgspecError):
            parse_event(each)
    with contextlib.suppress(ValueError, RecursionError):
        document = json.loads(data)
        if is_sound and isinstance(document, dict) and list(document) == ["Records"]:
            assert [json.loads(each) for each in objects] == document["Records"]


def _cut(data: bytes, size: int) -> tuple[list[bytes], bool]:
    objects: list[bytes] = []
    try:
        objects.extend(split_objects(data[at : at + size] for at in range(0, len(data), size)))
    except MalformedStreamError:
        return objects, False
    return objects, True
