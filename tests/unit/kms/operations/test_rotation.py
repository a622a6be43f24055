from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from hyok.awsjson.errors import AwsError
from hyok.kms.operations.rotation import ON_DEMAND_ROTATIONS_PER_KEY
from tests.unit.kms.running import RunningKms, running_kms

DAY = 86_400


def status(kms: RunningKms, arn: str) -> dict[str, Any]:
    return kms.call("GetKeyRotationStatus", {"KeyId": arn})


def rotations(kms: RunningKms, arn: str, **request: object) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = kms.call("ListKeyRotations", {"KeyId": arn, **request})["Rotations"]
    return listed


def encrypt(kms: RunningKms, arn: str) -> bytes:
    blob: bytes = kms.call("Encrypt", {"KeyId": arn, "Plaintext": b"kept"})["CiphertextBlob"]
    return blob


def decrypt(kms: RunningKms, blob: bytes) -> dict[str, Any]:
    return kms.call("Decrypt", {"CiphertextBlob": blob})


def advance(kms: RunningKms, days: float) -> None:
    kms.schedule_clock.advance(days * DAY)
    kms.run(kms.schedule.rotate_due())


def test_a_rotated_key_encrypts_with_new_material_and_opens_what_the_old_sealed(kms: RunningKms) -> None:
    arn = kms.create_key()
    old = encrypt(kms, arn)
    assert kms.call("RotateKeyOnDemand", {"KeyId": arn}) == {"KeyId": arn.split("/")[1]}
    new = encrypt(kms, arn)
    assert decrypt(kms, old)["Plaintext"] == decrypt(kms, new)["Plaintext"] == b"kept"
    assert decrypt(kms, old)["KeyMaterialId"] != decrypt(kms, new)["KeyMaterialId"]
    metadata = kms.call("DescribeKey", {"KeyId": arn})["KeyMetadata"]
    assert metadata["CurrentKeyMaterialId"] == decrypt(kms, new)["KeyMaterialId"]


def test_rotations_hold_after_a_restart(tmp_path: Path) -> None:
    with running_kms(tmp_path) as before:
        arn = before.create_key()
        old = encrypt(before, arn)
        before.call("RotateKeyOnDemand", {"KeyId": arn})
        new = encrypt(before, arn)
        before.call("EnableKeyRotation", {"KeyId": arn, "RotationPeriodInDays": 90})
        known = status(before, arn), rotations(before, arn)
    with running_kms(tmp_path) as after:
        assert (status(after, arn), rotations(after, arn)) == known
        assert decrypt(after, old)["Plaintext"] == decrypt(after, new)["Plaintext"] == b"kept"


def test_automatic_rotation_is_off_until_it_is_enabled_for_a_year_or_as_asked(kms: RunningKms) -> None:
    arn = kms.create_key()
    assert status(kms, arn) == {"KeyId": arn.split("/")[1], "KeyRotationEnabled": False}
    kms.call("EnableKeyRotation", {"KeyId": arn})
    enabled = status(kms, arn)
    assert (enabled["KeyRotationEnabled"], enabled["RotationPeriodInDays"]) == (True, 365)
    assert enabled["NextRotationDate"] == pytest.approx(kms.schedule_clock.now() + 365 * DAY, abs=60)
    kms.call("EnableKeyRotation", {"KeyId": arn, "RotationPeriodInDays": 90})
    assert status(kms, arn)["NextRotationDate"] == pytest.approx(kms.schedule_clock.now() + 90 * DAY, abs=60)
    kms.call("DisableKeyRotation", {"KeyId": arn})
    assert status(kms, arn)["KeyRotationEnabled"] is False


def test_enabling_again_what_is_enabled_does_not_begin_the_period_anew(kms: RunningKms) -> None:
    arn = kms.create_key()
    kms.call("EnableKeyRotation", {"KeyId": arn})
    date = status(kms, arn)["NextRotationDate"]
    advance(kms, 30)
    kms.call("EnableKeyRotation", {"KeyId": arn})
    assert status(kms, arn)["NextRotationDate"] == date


@pytest.mark.parametrize(("days", "bound"), [(89, "greater than or equal to 90"), (2561, "less than or equal to 2560")])
def test_a_period_outside_of_aws_s_bounds_is_refused(kms: RunningKms, days: int, bound: str) -> None:
    with pytest.raises(AwsError, match=f"Value '{days}' at 'rotationPeriodInDays' .* {bound}"):
        kms.call("EnableKeyRotation", {"KeyId": kms.create_key(), "RotationPeriodInDays": days})


def test_a_key_is_rotated_when_its_date_comes_and_once_for_each(kms: RunningKms) -> None:
    arn = kms.create_key()
    kms.call("EnableKeyRotation", {"KeyId": arn, "RotationPeriodInDays": 90})
    old = encrypt(kms, arn)
    advance(kms, 89.9)
    assert rotations(kms, arn) == []
    advance(kms, 0.2)
    (entry,) = rotations(kms, arn)
    assert (entry["RotationType"], entry["KeyMaterialState"]) == ("AUTOMATIC", "CURRENT")
    assert entry["RotationDate"] == pytest.approx(kms.schedule_clock.now(), abs=60)
    advance(kms, 1)
    assert len(rotations(kms, arn)) == 1
    advance(kms, 90)
    assert [entry["KeyMaterialState"] for entry in rotations(kms, arn)] == ["NON_CURRENT", "CURRENT"]
    assert decrypt(kms, old)["Plaintext"] == b"kept"


def test_a_disabled_key_is_rotated_once_it_is_enabled(kms: RunningKms) -> None:
    arn = kms.create_key()
    kms.call("EnableKeyRotation", {"KeyId": arn, "RotationPeriodInDays": 90})
    kms.call("DisableKey", {"KeyId": arn})
    advance(kms, 200)
    assert rotations(kms, arn) == []
    assert status(kms, arn)["KeyRotationEnabled"] is True
    kms.call("EnableKey", {"KeyId": arn})
    advance(kms, 0)
    assert len(rotations(kms, arn)) == 1
    assert status(kms, arn)["NextRotationDate"] == pytest.approx(kms.schedule_clock.now() + 90 * DAY, abs=60)


def test_a_key_that_is_pending_deletion_is_not_rotated_and_its_rotation_comes_back_with_it(kms: RunningKms) -> None:
    arn = kms.create_key()
    kms.call("EnableKeyRotation", {"KeyId": arn, "RotationPeriodInDays": 90})
    kms.call("ScheduleKeyDeletion", {"KeyId": arn, "PendingWindowInDays": 30})
    for operation in ("EnableKeyRotation", "DisableKeyRotation", "GetKeyRotationStatus", "RotateKeyOnDemand"):
        with pytest.raises(AwsError, match=f"KMSInvalidStateException: {arn} is pending deletion."):
            kms.call(operation, {"KeyId": arn})
    kms.call("CancelKeyDeletion", {"KeyId": arn})
    assert status(kms, arn)["KeyRotationEnabled"] is True


def test_rotation_on_demand_needs_an_enabled_key_and_leaves_the_dates(kms: RunningKms) -> None:
    arn = kms.create_key()
    kms.call("EnableKeyRotation", {"KeyId": arn})
    date = status(kms, arn)["NextRotationDate"]
    kms.call("RotateKeyOnDemand", {"KeyId": arn})
    assert status(kms, arn)["NextRotationDate"] == date
    kms.call("DisableKey", {"KeyId": arn})
    with pytest.raises(AwsError, match=f"DisabledException: {arn} is disabled."):
        kms.call("RotateKeyOnDemand", {"KeyId": arn})


def test_none_on_demand_begins_just_before_an_automatic_one(kms: RunningKms) -> None:
    arn = kms.create_key()
    kms.call("EnableKeyRotation", {"KeyId": arn, "RotationPeriodInDays": 90})
    kms.schedule_clock.advance(90 * DAY - 19 * 60)
    with pytest.raises(AwsError, match=r"ConflictException: .* within the next 20 minutes"):
        kms.call("RotateKeyOnDemand", {"KeyId": arn})


def test_a_key_is_rotated_on_demand_so_often_and_no_more(kms: RunningKms) -> None:
    arn = kms.create_key()
    for _ in range(ON_DEMAND_ROTATIONS_PER_KEY):
        kms.call("RotateKeyOnDemand", {"KeyId": arn})
    with pytest.raises(AwsError, match=f"LimitExceededException: {arn} was rotated on demand 25 times"):
        kms.call("RotateKeyOnDemand", {"KeyId": arn})


def test_the_first_material_is_listed_only_on_request_and_pages_are_as_everywhere(kms: RunningKms) -> None:
    arn = kms.create_key()
    for _ in range(2):
        kms.call("RotateKeyOnDemand", {"KeyId": arn})
    assert [entry["RotationType"] for entry in rotations(kms, arn)] == ["ON_DEMAND", "ON_DEMAND"]
    everything = rotations(kms, arn, IncludeKeyMaterial="ALL_KEY_MATERIAL")
    assert "RotationDate" not in everything[0]
    assert "RotationType" not in everything[0]
    assert [entry["KeyMaterialState"] for entry in everything] == ["NON_CURRENT", "NON_CURRENT", "CURRENT"]
    page = kms.call("ListKeyRotations", {"KeyId": arn, "Limit": 1})
    assert page["Truncated"] is True
    assert page["Rotations"] + rotations(kms, arn, Marker=page["NextMarker"]) == rotations(kms, arn)


def test_two_rotations_at_once_are_two(kms: RunningKms) -> None:
    arn = kms.create_key()
    key = kms.find(arn)

    async def rotate_twice() -> None:
        await asyncio.gather(*(kms.rotate(key) for _ in range(2)))

    kms.run(rotate_twice())
    assert kms.find(arn).backing_key == 3
    assert decrypt(kms, encrypt(kms, arn))["Plaintext"] == b"kept"
