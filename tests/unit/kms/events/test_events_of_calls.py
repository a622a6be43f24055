"""What is recorded of calls to a running KMS: the shape of CloudTrail's events, and nothing that is secret."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hyok.awsjson.errors import AwsError
from hyok.awsjson.model import Model, ShapeReference, ShapeType, load_model
from hyok.clock import SystemClock
from hyok.kms.events.calls import Events
from hyok.kms.events.event import Event
from hyok.kms.events.parameters import request_parameters
from hyok.kms.events.recorder import EventRecorder
from hyok.kms.external_failures import ExternalFailure
from tests.unit.kms.running import ACCOUNT, OTHER_ACCOUNT, REGION, STORE_ID, XKS_KEY_ID, RunningKms, running_kms


class Kept(EventRecorder):
    """Keeps events in memory instead of files."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def record(self, events: Any) -> None:
        self.events += events

    def take(self) -> list[dict[str, Any]]:
        """Return the events since the last time, as JSON has them."""
        taken = [json.loads(json.dumps(event.content)) for event in self.events]
        self.events.clear()
        return taken


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def kms(tmp_path: Path, kept: Kept) -> Iterator[RunningKms]:
    with running_kms(tmp_path, events=Events(kept, SystemClock())) as kms:
        kms.add_store()
        yield kms


def refused(kms: RunningKms, operation: str, request: dict[str, object], **more: Any) -> AwsError:
    with pytest.raises(AwsError) as raised:
        kms.call(operation, request, **more)
    return raised.value


def test_decrypting_under_an_external_key_looks_as_cloudtrail_shows_it(kms: RunningKms, kept: Kept) -> None:
    arn = kms.create_external_key()
    context = {"Customer": "nile"}
    blob = kms.call("Encrypt", {"KeyId": arn, "Plaintext": "c2VjcmV0", "EncryptionContext": context})["CiphertextBlob"]
    kept.take()
    kms.call("Decrypt", {"CiphertextBlob": base64.b64encode(blob).decode(), "EncryptionContext": context})
    (event,) = kept.take()
    for varying in ("eventTime", "requestID", "eventID"):
        assert event.pop(varying)
    assert event == {
        "eventVersion": "1.08",
        "userIdentity": {
            "type": "Root",
            "principalId": ACCOUNT,
            "arn": f"arn:aws:iam::{ACCOUNT}:root",
            "accountId": ACCOUNT,
            "accessKeyId": ACCOUNT,
        },
        "eventSource": "kms.amazonaws.com",
        "eventName": "Decrypt",
        "awsRegion": REGION,
        "sourceIPAddress": "127.0.0.1",
        "userAgent": "",
        "requestParameters": {"encryptionContext": context, "encryptionAlgorithm": "SYMMETRIC_DEFAULT"},
        "responseElements": None,
        "additionalEventData": {"customKeyStoreId": STORE_ID, "xksKeyId": XKS_KEY_ID},
        "readOnly": True,
        "resources": [{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": arn}],
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
    }


def test_creating_a_key_shows_the_external_key_in_request_and_answer(kms: RunningKms, kept: Kept) -> None:
    arn = kms.create_external_key()
    (event,) = kept.take()
    assert event["requestParameters"] == {
        "origin": "EXTERNAL_KEY_STORE",
        "customKeyStoreId": STORE_ID,
        "xksKeyId": XKS_KEY_ID,
    }
    metadata = event["responseElements"]["keyMetadata"]
    assert metadata["xksKeyConfiguration"] == {"id": XKS_KEY_ID}
    assert metadata["aWSAccountId"] == ACCOUNT
    assert metadata["creationDate"].endswith("M")  # Nov 24, 2026, 10:38:27 AM
    assert event["resources"][0]["ARN"] == arn
    assert event["readOnly"] is False


def test_re_encrypting_is_one_event_with_both_keys(kms: RunningKms, kept: Kept) -> None:
    external, ordinary = kms.create_external_key(), kms.create_key()
    blob = kms.call("Encrypt", {"KeyId": external, "Plaintext": "c2VjcmV0"})["CiphertextBlob"]
    kept.take()
    kms.call("ReEncrypt", {"CiphertextBlob": base64.b64encode(blob).decode(), "DestinationKeyId": ordinary})
    (event,) = kept.take()
    assert [each["ARN"] for each in event["resources"]] == [external, ordinary]
    additional = event["additionalEventData"]
    assert additional.pop("destinationKeyMaterialId")
    assert additional == {"sourceCustomKeyStoreId": STORE_ID, "sourceXksKeyId": XKS_KEY_ID}


def test_what_is_refused_is_recorded_with_its_reason(kms: RunningKms, kept: Kept) -> None:
    arn = kms.create_external_key()
    kept.take()
    kms.external_keys.failure = ExternalFailure.KEY_NOT_ENABLED
    error = refused(kms, "GenerateDataKey", {"KeyId": arn, "KeySpec": "AES_256"})
    (event,) = kept.take()
    assert (event["errorCode"], event["errorMessage"]) == (error.code, error.message)
    assert event["errorCode"] == "KMSInvalidStateException"
    assert event["additionalEventData"] == {"customKeyStoreId": STORE_ID, "xksKeyId": XKS_KEY_ID}
    refused(kms, "GenerateDataKey", {"KeyId": arn, "NumberOfBytes": 0})
    (event,) = kept.take()
    assert event["errorCode"] == "ValidationException"
    assert event["requestParameters"] is None


def test_a_defect_is_recorded_as_an_internal_error(
    kms: RunningKms, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = kms.create_key()
    kept.take()

    def fail(*_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr("hyok.kms.operations.keys.key_metadata", fail)
    assert refused(kms, "DescribeKey", {"KeyId": arn}).code == "KMSInternalException"
    assert [event["errorCode"] for event in kept.take()] == ["KMSInternalException"]


def test_who_is_not_known_leaves_no_event(kms: RunningKms, kept: Kept) -> None:
    assert refused(kms, "ListKeys", {}, region="NO_REGION").code == "InvalidSignatureException"
    assert kept.take() == []


def test_a_key_of_another_account_is_in_both_trails(kms: RunningKms, kept: Kept) -> None:
    arn = kms.create_key()
    everybody = {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [everybody]})
    kms.call("PutKeyPolicy", {"KeyId": arn, "Policy": policy})
    kept.take()
    kms.call("Encrypt", {"KeyId": arn, "Plaintext": "c2VjcmV0"}, account=OTHER_ACCOUNT)
    theirs, ours = kept.take()
    assert (theirs["recipientAccountId"], ours["recipientAccountId"]) == (OTHER_ACCOUNT, ACCOUNT)
    assert theirs["userIdentity"] == ours["userIdentity"]
    assert theirs["sharedEventID"] == ours["sharedEventID"]
    assert theirs["eventID"] != ours["eventID"]
    assert theirs["requestID"] == ours["requestID"]


def test_whoever_is_refused_another_accounts_key_learns_nothing_from_its_trail(kms: RunningKms, kept: Kept) -> None:
    arn = kms.create_key()
    kept.take()
    refused(kms, "Encrypt", {"KeyId": arn, "Plaintext": "c2VjcmV0"}, account=OTHER_ACCOUNT)
    (event,) = kept.take()
    assert event["recipientAccountId"] == OTHER_ACCOUNT
    assert "resources" not in event


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        ("arn:aws:iam::123456789012:user/division/alice", {"type": "IAMUser", "userName": "alice"}),
        ("arn:aws:sts::123456789012:assumed-role/app/session-1", {"type": "AssumedRole"}),
        ("arn:aws:sts::123456789012:federated-user/bob", {"type": "FederatedUser", "principalId": "123456789012:bob"}),
    ],
)
def test_each_kind_of_principal_has_its_identity(
    kms: RunningKms, kept: Kept, arn: str, expected: dict[str, str]
) -> None:
    caller = kms.callers.add(arn, {"Effect": "Allow", "Action": "*", "Resource": "*"})
    kms.call("ListKeys", {}, caller=caller)
    identity = kept.take()[0]["userIdentity"]
    assert identity["arn"] == arn
    assert identity.items() >= expected.items()
    if expected["type"] == "AssumedRole":
        issuer = identity["sessionContext"]["sessionIssuer"]
        assert (issuer["arn"], issuer["userName"]) == ("arn:aws:iam::123456789012:role/app", "app")
        assert identity["principalId"] == f"{issuer['principalId']}:session-1"


def test_deletion_and_rotation_are_events_of_the_service(kms: RunningKms, kept: Kept) -> None:
    deleted, rotated = kms.create_key(), kms.create_key()
    kept.take()
    kms.delete(deleted)
    scheduled, gone = kept.take()
    assert scheduled["responseElements"].keys() == {"keyId", "deletionDate", "keyState", "pendingWindowInDays"}
    assert (gone["eventName"], gone["eventType"]) == ("DeleteKey", "AwsServiceEvent")
    assert gone["serviceEventDetails"] == {"keyId": deleted}
    assert gone["userIdentity"] == {"accountId": ACCOUNT, "invokedBy": "AWS Internal"}
    assert "requestID" not in gone
    kms.call("RotateKeyOnDemand", {"KeyId": rotated})
    asked, done = kept.take()
    assert (asked["eventName"], done["eventName"]) == ("RotateKeyOnDemand", "RotateKey")
    assert done["serviceEventDetails"]["rotationType"] == "ON_DEMAND"
    kms.call("EnableKeyRotation", {"KeyId": rotated, "RotationPeriodInDays": 90})
    kept.take()
    kms.schedule_clock.advance(91 * 86_400)
    kms.run(kms.schedule.rotate_due())
    (again,) = kept.take()
    assert again["serviceEventDetails"]["rotationType"] == "AUTOMATIC"
    assert again["serviceEventDetails"]["previousKeyMaterialId"] == done["serviceEventDetails"]["currentKeyMaterialId"]


MODEL = load_model()
SECRET = "TOPSECRET"


@pytest.mark.parametrize("operation", MODEL.operations)
def test_nothing_that_is_secret_or_encrypted_is_shown_of_any_request(operation: str) -> None:
    request = _everything(MODEL, MODEL.operations[operation].input, operation)
    shown = json.dumps(request_parameters(operation, request))
    assert SECRET not in shown
    assert "oken" not in shown  # grant tokens open keys


def _everything(model: Model, reference: ShapeReference, name: str) -> Any:
    """A request with all members there are, sensitive ones with the marker."""
    shape = model.shape(reference)
    if shape.type is ShapeType.BLOB:
        return SECRET.encode()
    if shape.sensitive:
        return SECRET
    match shape.type:
        case ShapeType.STRUCTURE:
            return {member: _everything(model, each, member) for member, each in shape.members.items()}
        case ShapeType.LIST:
            assert shape.member is not None
            return [_everything(model, shape.member, name)]
        case ShapeType.MAP:
            return {"Name": "Value"}
        case ShapeType.STRING:
            return name
        case ShapeType.INTEGER | ShapeType.TIMESTAMP:
            return 1
        case ShapeType.BOOLEAN:
            return True
