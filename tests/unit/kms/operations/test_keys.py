from __future__ import annotations

import pytest

from hyok.awsjson.errors import AwsError
from hyok.kms.connection_state import ConnectionState
from hyok.kms.external_failures import ExternalFailure
from tests.unit.kms.running import OTHER_REGION, RunningKms

DAY = 86_400


def state(kms: RunningKms, arn: str) -> tuple[str, bool]:
    metadata = kms.call("DescribeKey", {"KeyId": arn})["KeyMetadata"]
    return metadata["KeyState"], metadata["Enabled"]


def test_describe_key_takes_every_name_and_asks_no_proxy(kms: RunningKms) -> None:
    arn = kms.create_external_key()
    kms.call("CreateAlias", {"AliasName": "alias/app", "TargetKeyId": arn})
    asked = list(kms.external_keys.asked)
    prefix, key_id = arn.split("key/")
    for name in (arn, key_id, "alias/app", f"{prefix}alias/app"):
        assert kms.call("DescribeKey", {"KeyId": name})["KeyMetadata"]["Arn"] == arn
    assert kms.external_keys.asked == asked


@pytest.mark.parametrize(
    "operation", ["EnableKey", "DisableKey", "ScheduleKeyDeletion", "CancelKeyDeletion", "GetKeyPolicy"]
)
def test_management_takes_no_alias(kms: RunningKms, operation: str) -> None:
    kms.call("CreateAlias", {"AliasName": "alias/app", "TargetKeyId": kms.create_key()})
    with pytest.raises(AwsError, match="NotFoundException: Invalid keyId 'alias/app'"):
        kms.call(operation, {"KeyId": "alias/app"})


def test_a_key_is_disabled_and_enabled_as_often_as_asked(kms: RunningKms) -> None:
    arn = kms.create_key()
    for _ in range(2):
        kms.call("DisableKey", {"KeyId": arn})
        assert state(kms, arn) == ("Disabled", False)
    for _ in range(2):
        kms.call("EnableKey", {"KeyId": arn})
        assert state(kms, arn) == ("Enabled", True)


def test_a_key_changed_while_its_store_is_away_has_its_new_state_when_it_is_back(kms: RunningKms) -> None:
    arn = kms.create_external_key()
    kms.set_store_state(ConnectionState.DISCONNECTED)
    assert state(kms, arn) == ("Unavailable", False)
    kms.call("DisableKey", {"KeyId": arn})
    assert state(kms, arn) == ("Unavailable", False)
    kms.set_store_state(ConnectionState.CONNECTED)
    assert state(kms, arn) == ("Disabled", False)


def test_a_description_is_replaced(kms: RunningKms) -> None:
    arn = kms.create_key(Description="old")
    kms.call("UpdateKeyDescription", {"KeyId": arn, "Description": ""})
    assert kms.call("DescribeKey", {"KeyId": arn})["KeyMetadata"]["Description"] == ""


def test_a_description_may_be_any_text_but_nul(kms: RunningKms) -> None:
    arn = kms.create_key(Description="\u2028 \U0001f512")
    assert kms.call("DescribeKey", {"KeyId": arn})["KeyMetadata"]["Description"] == "\u2028 \U0001f512"
    for operation, request in (("CreateKey", {}), ("UpdateKeyDescription", {"KeyId": arn})):
        with pytest.raises(AwsError, match=r"ValidationException: .* at 'description' .* \[\^\\u0000\]\*"):
            kms.call(operation, {**request, "Description": "a\0b"})


def test_a_scheduled_deletion_tells_its_date_by_its_own_clock(kms: RunningKms) -> None:
    arn = kms.create_key()
    kms.schedule_clock.advance(365 * DAY)
    answer = kms.call("ScheduleKeyDeletion", {"KeyId": arn, "PendingWindowInDays": 7})
    assert answer["KeyId"] == arn
    assert answer["KeyState"] == "PendingDeletion"
    assert answer["PendingWindowInDays"] == 7
    assert answer["DeletionDate"] == pytest.approx(kms.schedule_clock.now() + 7 * DAY, abs=60)
    metadata = kms.call("DescribeKey", {"KeyId": arn})["KeyMetadata"]
    assert (metadata["KeyState"], metadata["DeletionDate"]) == ("PendingDeletion", answer["DeletionDate"])


def test_a_deletion_waits_thirty_days_unless_told(kms: RunningKms) -> None:
    answer = kms.call("ScheduleKeyDeletion", {"KeyId": kms.create_key()})
    assert answer["PendingWindowInDays"] == 30
    assert answer["DeletionDate"] == pytest.approx(kms.schedule_clock.now() + 30 * DAY, abs=60)


@pytest.mark.parametrize(
    ("days", "bound"),
    [
        (
            6,
            "Value '6' at 'pendingWindowInDays' failed to satisfy constraint: Member must have value greater",
        ),
        (
            31,
            "Value '31' at 'pendingWindowInDays' failed to satisfy constraint: Member must have value less",
        ),
        (
            0,
            "Value '0' at 'pendingWindowInDays' failed to satisfy constraint: Member must have value greater",
        ),
    ],
)
def test_a_window_is_seven_to_thirty_days(kms: RunningKms, days: int, bound: str) -> None:
    with pytest.raises(AwsError, match=f"ValidationException: 1 validation error detected: {bound}"):
        kms.call("ScheduleKeyDeletion", {"KeyId": kms.create_key(), "PendingWindowInDays": days})


def test_a_cancelled_deletion_leaves_a_disabled_key_without_a_date(kms: RunningKms) -> None:
    arn = kms.create_key()
    kms.call("ScheduleKeyDeletion", {"KeyId": arn})
    assert kms.call("CancelKeyDeletion", {"KeyId": arn}) == {"KeyId": arn}
    metadata = kms.call("DescribeKey", {"KeyId": arn})["KeyMetadata"]
    assert metadata["KeyState"] == "Disabled"
    assert "DeletionDate" not in metadata


def test_a_deletion_that_is_not_scheduled_is_not_cancelled(kms: RunningKms) -> None:
    arn = kms.create_key()
    with pytest.raises(AwsError, match=f"KMSInvalidStateException: {arn} is not pending deletion."):
        kms.call("CancelKeyDeletion", {"KeyId": arn})


@pytest.mark.parametrize("operation", ["EnableKey", "DisableKey", "ScheduleKeyDeletion", "UpdateKeyDescription"])
def test_a_key_pending_deletion_only_waits(kms: RunningKms, operation: str) -> None:
    arn = kms.create_external_key()
    kms.call("ScheduleKeyDeletion", {"KeyId": arn})
    kms.set_store_state(ConnectionState.DISCONNECTED)
    assert state(kms, arn) == ("PendingDeletion", False)
    with pytest.raises(AwsError, match=f"KMSInvalidStateException: {arn} is pending deletion."):
        kms.call(operation, {"KeyId": arn, "Description": ""})


def test_keys_are_listed_in_pages(kms: RunningKms) -> None:
    arns = {kms.create_key() for _ in range(5)}
    kms.call("CreateKey", {}, region=OTHER_REGION)
    first = kms.call("ListKeys", {"Limit": 3})
    assert first["Truncated"] is True
    second = kms.call("ListKeys", {"Limit": 3, "Marker": first["NextMarker"]})
    assert second["Truncated"] is False
    assert "NextMarker" not in second
    listed = [entry["KeyArn"] for entry in first["Keys"] + second["Keys"]]
    assert len(first["Keys"]) == 3
    assert len(listed) == 5
    assert set(listed) == arns


def test_a_marker_that_no_page_gave_is_refused(kms: RunningKms) -> None:
    with pytest.raises(AwsError, match="InvalidMarkerException"):
        kms.call("ListKeys", {"Marker": "!"})


def test_the_last_use_of_a_key_is_known(kms: RunningKms) -> None:
    arn = kms.create_key()
    unused = kms.call("GetKeyLastUsage", {"KeyId": arn})
    assert unused["KeyLastUsage"] == {}
    created = kms.find(arn).created_at
    assert unused["TrackingStartDate"] == unused["KeyCreationDate"] == created
    blob = kms.call("Encrypt", {"KeyId": arn, "Plaintext": b"x"})["CiphertextBlob"]
    other = kms.create_key()
    kms.call("ReEncrypt", {"CiphertextBlob": blob, "DestinationKeyId": other})
    for key in (arn, other):
        usage = kms.call("GetKeyLastUsage", {"KeyId": key})["KeyLastUsage"]
        assert usage["Operation"] == "ReEncrypt"
        assert usage["Timestamp"] >= created
        assert len(usage["KmsRequestId"]) == 36


def test_a_use_that_failed_is_none(kms: RunningKms) -> None:
    arn = kms.create_external_key()
    kms.external_keys.failure = ExternalFailure.THROTTLED
    with pytest.raises(AwsError):
        kms.call("Encrypt", {"KeyId": arn, "Plaintext": b"x"})
    with pytest.raises(AwsError, match="DryRunOperationException"):
        kms.call("Encrypt", {"KeyId": arn, "Plaintext": b"x", "DryRun": True})
    assert kms.call("GetKeyLastUsage", {"KeyId": arn})["KeyLastUsage"] == {}
