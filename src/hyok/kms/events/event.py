"""The event of one call, and those of what KMS does by itself, in the shape that CloudTrail gives them.

Sources: AWS KMS Developer Guide, "Logging AWS KMS API calls with AWS CloudTrail" and its examples; CloudTrail User
Guide, "CloudTrail record contents", version 1.08.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from hyok.awsjson.errors import AwsError
from hyok.kms.backing_keys import key_material_id
from hyok.kms.call import Call
from hyok.kms.events.parameters import is_read_only, request_parameters, response_elements
from hyok.kms.events.user_identity import invoking_service, user_identity
from hyok.kms.trace import CallTrace
from hyok.kms.values import KmsKey, RotationType

_VERSION: Final = "1.08"
_SOURCE: Final = "kms.amazonaws.com"
_INTERNAL: Final = "AWS Internal"
_RE_ENCRYPT: Final = "ReEncrypt"


class Event(NamedTuple):
    """One event, and to whose trail it goes."""

    account: str
    region: str
    content: dict[str, object]


class ClientAttributes(NamedTuple):
    """What an HTTP request says of who sent it, besides the call."""

    user_id: str
    access_key_id: str
    user_agent: str


def events_of_call(
    call: Call, trace: CallTrace, client: ClientAttributes, *, at: float, error: AwsError | None
) -> tuple[Event, ...]:
    """Return the event of a call; twice if it used a key of another account, whose trail then has it as well.

    `at` is in Unix seconds.
    """
    time = _time(at)
    service = invoking_service(call.via_service) if call.via_service else ""
    content: dict[str, object] = {
        "eventVersion": _VERSION,
        "userIdentity": user_identity(call, user_id=client.user_id, access_key_id=client.access_key_id, at=time),
        "eventTime": time,
        "eventSource": _SOURCE,
        "eventName": call.operation,
        "awsRegion": call.region,
        "sourceIPAddress": service or call.source_address.rpartition(":")[0].strip("[]"),
        "userAgent": service or client.user_agent,
    }
    if error is not None:
        content["errorCode"] = error.code
        if error.message:
            content["errorMessage"] = error.message
    content["requestParameters"] = request_parameters(call.operation, trace.input)
    content["responseElements"] = response_elements(call.operation, trace.output)
    additional = _additional(call, trace)
    if additional:
        content["additionalEventData"] = additional
    content["requestID"] = call.request_id
    content["eventID"] = str(uuid.uuid4())
    content["readOnly"] = is_read_only(call.operation)
    if trace.keys:
        content["resources"] = _resources(trace.keys)
    content["eventType"] = "AwsApiCall"
    content["managementEvent"] = True
    content["recipientAccountId"] = call.account
    if call.source_vpce:
        content["vpcEndpointId"] = call.source_vpce
    content["eventCategory"] = "Management"
    return tuple(_for_everybody_concerned(call, trace, content))


def event_of_deletion(key: KmsKey, *, at: float) -> Event:
    """Return the event of a key's deletion when its waiting period is over."""
    return _service_event("DeleteKey", key, {"keyId": key.arn}, at)


def event_of_rotation(key: KmsKey, rotation_type: RotationType, *, at: float) -> Event:
    """Return the event of a key's rotation; `key` is as it was before."""
    details = {
        "keyId": key.arn,
        "rotationType": rotation_type.value,
        "keyOrigin": key.origin.value,
        "previousKeyMaterialId": key_material_id(key, key.backing_key),
        "currentKeyMaterialId": key_material_id(key, key.backing_key + 1),
    }
    return _service_event("RotateKey", key, details, at)


def _service_event(name: str, key: KmsKey, details: dict[str, str], at: float) -> Event:
    content: dict[str, object] = {
        "eventVersion": _VERSION,
        "userIdentity": {"accountId": key.account, "invokedBy": _INTERNAL},
        "eventTime": _time(at),
        "eventSource": _SOURCE,
        "eventName": name,
        "awsRegion": key.region,
        "sourceIPAddress": _INTERNAL,
        "userAgent": _INTERNAL,
        "requestParameters": None,
        "responseElements": None,
        "eventID": str(uuid.uuid4()),
        "readOnly": False,
        "resources": _resources([key]),
        "eventType": "AwsServiceEvent",
        "managementEvent": True,
        "recipientAccountId": key.account,
        "serviceEventDetails": details,
        "eventCategory": "Management",
    }
    return Event(key.account, key.region, content)


def _for_everybody_concerned(call: Call, trace: CallTrace, content: dict[str, object]) -> Iterable[Event]:
    others = {key.account for key in trace.keys} - {call.account}
    if not others:
        yield Event(call.account, call.region, content)
        return
    # Each trail has an event of its own; the id they share tells that it was one call.
    shared = {**content, "sharedEventID": str(uuid.uuid4())}
    yield Event(call.account, call.region, shared)
    for account in sorted(others):
        yield Event(account, call.region, {**shared, "eventID": str(uuid.uuid4()), "recipientAccountId": account})


def _additional(call: Call, trace: CallTrace) -> dict[str, object]:
    if trace.store is not None:
        return {"customKeyStoreName": trace.store.name}
    if not trace.keys or not _is_cryptographic(call.operation):
        return {}
    if call.operation != _RE_ENCRYPT:
        return _material(trace, trace.keys[0], "")
    # AWS shows no example of two keys: named as it names the key materials of both.
    sides = zip(("Source", "Destination"), trace.keys, strict=False)
    return {
        side.lower() + name[0].upper() + name[1:]: value
        for side, key in sides
        for name, value in _material(trace, key, side).items()
    }


def _material(trace: CallTrace, key: KmsKey, side: str) -> dict[str, object]:
    if key.external_key is not None:
        return {"customKeyStoreId": key.external_key.store_id, "xksKeyId": key.external_key.xks_key_id}
    material_id = trace.output.get(f"{side}KeyMaterialId") if trace.output else None
    return {"keyMaterialId": material_id} if material_id else {}


def _is_cryptographic(operation: str) -> bool:
    return operation in ("Encrypt", "Decrypt", _RE_ENCRYPT) or operation.startswith("GenerateDataKey")


def _resources(keys: Sequence[KmsKey]) -> list[dict[str, str]]:
    by_arn = {key.arn: key.account for key in keys}
    return [{"accountId": account, "type": "AWS::KMS::Key", "ARN": arn} for arn, account in by_arn.items()]


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
