"""Two KMS services on one storage: each sees what the other did, and of two that want the same, one gets it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from hyok.awsjson.errors import AwsError
from hyok.kms.resource_quotas import ResourceQuotas
from hyok.storage.changes import changes_since
from tests.unit.kms.running import RunningKms, running_kms

GRANTEE = "arn:aws:iam::123456789012:role/worker"


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[RunningKms, RunningKms]]:
    with running_kms(tmp_path) as one, running_kms(tmp_path) as other:
        yield one, other


def follow(kms: RunningKms) -> None:
    """Do what the follower of the change log does four times a second."""
    turns = kms.space.turns
    with kms.storage.reading() as connection:
        changes = changes_since(connection, turns.position)
    kms.run(turns.apply(changes))


def refusal(kms: RunningKms, operation: str, request: dict[str, object]) -> str:
    with pytest.raises(AwsError) as caught:
        kms.call(operation, request)
    return caught.value.code


def test_what_one_did_to_a_key_the_other_sees(pair: tuple[RunningKms, RunningKms]) -> None:
    one, other = pair
    key = one.create_key(Tags=[{"TagKey": "a", "TagValue": "1"}])
    one.call("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": key})
    blob = one.call("Encrypt", {"KeyId": "alias/a", "Plaintext": b"x"})["CiphertextBlob"]
    grant = one.call("CreateGrant", {"KeyId": key, "GranteePrincipal": GRANTEE, "Operations": ["Decrypt"]})["GrantId"]
    follow(other)
    assert other.call("Decrypt", {"CiphertextBlob": blob})["Plaintext"] == b"x"
    assert other.call("ListGrants", {"KeyId": key})["Grants"][0]["GrantId"] == grant
    one.call("RotateKeyOnDemand", {"KeyId": key})
    one.call("TagResource", {"KeyId": key, "Tags": [{"TagKey": "a", "TagValue": "2"}]})
    one.call("RevokeGrant", {"KeyId": key, "GrantId": grant})
    one.call("DeleteAlias", {"AliasName": "alias/a"})
    newer = one.call("Encrypt", {"KeyId": key, "Plaintext": b"y"})["CiphertextBlob"]
    one.call("DisableKey", {"KeyId": key})
    follow(other)
    assert refusal(other, "Decrypt", {"CiphertextBlob": newer}) == "DisabledException"
    assert refusal(other, "DescribeKey", {"KeyId": "alias/a"}) == "NotFoundException"
    assert other.call("ListGrants", {"KeyId": key})["Grants"] == []
    assert other.call("ListResourceTags", {"KeyId": key})["Tags"] == [{"TagKey": "a", "TagValue": "2"}]
    other.call("EnableKey", {"KeyId": key})
    assert other.call("Decrypt", {"CiphertextBlob": newer})["Plaintext"] == b"y"


def test_one_alias_goes_to_one_of_two_that_want_it(pair: tuple[RunningKms, RunningKms]) -> None:
    one, other = pair
    ours, theirs = one.create_key(), one.create_key()
    follow(other)
    one.call("CreateAlias", {"AliasName": "alias/a", "TargetKeyId": ours})
    assert refusal(other, "CreateAlias", {"AliasName": "alias/a", "TargetKeyId": theirs}) == "AlreadyExistsException"


def test_the_last_place_of_a_quota_goes_to_one_of_two(pair: tuple[RunningKms, RunningKms]) -> None:
    one, other = pair
    key = one.create_key()
    for number in range(ResourceQuotas().aliases_per_key - 1):
        one.call("CreateAlias", {"AliasName": f"alias/{number}", "TargetKeyId": key})
    follow(other)
    one.call("CreateAlias", {"AliasName": "alias/last", "TargetKeyId": key})
    assert refusal(other, "CreateAlias", {"AliasName": "alias/more", "TargetKeyId": key}) == "LimitExceededException"


def test_changes_to_one_key_from_both_sides_are_all_kept(pair: tuple[RunningKms, RunningKms]) -> None:
    one, other = pair
    key = one.create_key()
    follow(other)
    for number in range(5):
        for kms, name in ((one, "one"), (other, "other")):
            tag = {"TagKey": f"{name}-{number}", "TagValue": ""}
            kms.call("TagResource", {"KeyId": key, "Tags": [tag]})
    assert len(other.call("ListResourceTags", {"KeyId": key})["Tags"]) == 10


def test_a_key_that_is_due_is_deleted_once(pair: tuple[RunningKms, RunningKms]) -> None:
    one, other = pair
    key = one.create_key()
    one.call("ScheduleKeyDeletion", {"KeyId": key, "PendingWindowInDays": 7})
    follow(other)
    for kms in pair:
        kms.schedule_clock.advance(8 * 86_400)

    deleted = [kms.run(kms.schedule.delete_due()) for kms in pair]
    assert [len(keys) for keys in deleted] == [1, 0]
    assert refusal(other, "DescribeKey", {"KeyId": key}) == "NotFoundException"


def test_a_key_that_is_due_is_rotated_once(pair: tuple[RunningKms, RunningKms]) -> None:
    one, other = pair
    key = one.create_key()
    one.call("EnableKeyRotation", {"KeyId": key, "RotationPeriodInDays": 90})
    follow(other)
    for kms in pair:
        kms.schedule_clock.advance(91 * 86_400)
    rotated = [len(kms.run(kms.schedule.rotate_due())) for kms in pair]
    assert rotated == [1, 0]


def test_writes_of_both_at_the_same_time_all_get_through(pair: tuple[RunningKms, RunningKms]) -> None:
    one, other = pair
    key = one.create_key()
    follow(other)

    async def tag_in_turn(kms: RunningKms, name: str) -> None:
        for number in range(5):
            await asyncio.to_thread(
                kms.call, "CreateAlias", {"AliasName": f"alias/{name}-{number}", "TargetKeyId": key}
            )

    async def both() -> None:
        await asyncio.gather(tag_in_turn(one, "one"), tag_in_turn(other, "other"))

    asyncio.run(both())
    follow(one)
    assert len(one.call("ListAliases", {"KeyId": key})["Aliases"]) == 10
