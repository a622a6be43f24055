from __future__ import annotations

import asyncio

import pytest

from hyok.awsjson.errors import AwsError
from hyok.kms.resource_quotas import ResourceQuotas
from tests.unit.kms.running import ACCOUNT, OTHER_REGION, REGION, RunningKms, a_call

ALIAS_ARN = f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/app"


def create(kms: RunningKms, name: str, arn: str) -> None:
    kms.call("CreateAlias", {"AliasName": name, "TargetKeyId": arn})


def names(kms: RunningKms, **request: object) -> list[str]:
    return [entry["AliasName"] for entry in kms.call("ListAliases", request)["Aliases"]]


def test_an_alias_is_listed_with_all_aws_says_of_it(kms: RunningKms) -> None:
    arn = kms.create_key()
    create(kms, "alias/app", arn)
    (entry,) = kms.call("ListAliases", {})["Aliases"]
    assert entry.pop("CreationDate") == entry.pop("LastUpdatedDate") > 1_700_000_000
    assert entry == {"AliasName": "alias/app", "AliasArn": ALIAS_ARN, "TargetKeyId": arn.split("/")[1]}


def test_a_name_is_taken_once_in_an_account_and_region(kms: RunningKms) -> None:
    create(kms, "alias/app", kms.create_key())
    with pytest.raises(AwsError, match=f"AlreadyExistsException: An alias with the name {ALIAS_ARN} already exists"):
        create(kms, "alias/app", kms.create_key())
    elsewhere = kms.call("CreateKey", {}, region=OTHER_REGION)["KeyMetadata"]["KeyId"]
    kms.call("CreateAlias", {"AliasName": "alias/app", "TargetKeyId": elsewhere}, region=OTHER_REGION)


def test_two_racing_for_a_name_do_not_both_get_it(kms: RunningKms) -> None:
    key = kms.find(kms.create_key())

    async def race() -> list[object]:
        taking = (kms.space.aliases.create(a_call("CreateAlias"), "alias/app", key) for _ in range(2))
        return await asyncio.gather(*taking, return_exceptions=True)

    first, second = kms.run(race())
    assert first is None
    assert isinstance(second, AwsError)


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        (
            "app",
            'ValidationException: Alias must start with the prefix "alias/". Please see '
            "https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
        ),
        ("alias/aws/s3", "NotAuthorizedException"),
        ("alias/a b", r"ValidationException: .* at 'aliasName' failed to satisfy constraint: .*regular expression"),
    ],
)
@pytest.mark.parametrize("operation", ["CreateAlias", "UpdateAlias", "DeleteAlias"])
def test_a_name_that_nobody_can_have_is_refused(kms: RunningKms, operation: str, name: str, refusal: str) -> None:
    request = {"AliasName": name}
    if operation != "DeleteAlias":
        request["TargetKeyId"] = kms.create_key()
    with pytest.raises(AwsError, match=refusal):
        kms.call(operation, request)


def test_a_prefix_alone_is_no_new_name_and_no_alias_has_it(kms: RunningKms) -> None:
    arn = kms.create_key()
    with pytest.raises(AwsError, match="InvalidAliasNameException"):
        create(kms, "alias/", arn)
    for operation, more in (("UpdateAlias", {"TargetKeyId": arn}), ("DeleteAlias", {})):
        with pytest.raises(AwsError, match=r"NotFoundException: Alias .*:alias/ is not found"):
            kms.call(operation, {"AliasName": "alias/", **more})


def test_an_alias_points_at_a_key_not_at_an_alias(kms: RunningKms) -> None:
    arn = kms.create_key()
    create(kms, "alias/app", arn)
    for alias in ("alias/app", f"{arn.partition(':key/')[0]}:alias/app"):
        with pytest.raises(AwsError, match=r"ValidationException: Aliases must refer to keys\. Not aliases"):
            create(kms, "alias/other", alias)


def test_an_alias_needs_a_key_that_is_there_and_stays(kms: RunningKms) -> None:
    with pytest.raises(AwsError, match="NotFoundException: Invalid keyId 'none'"):
        create(kms, "alias/app", "none")
    arn = kms.create_key()
    kms.call("ScheduleKeyDeletion", {"KeyId": arn})
    with pytest.raises(AwsError, match=f"KMSInvalidStateException: {arn} is pending deletion."):
        create(kms, "alias/app", arn)


def test_a_key_has_so_many_aliases_and_no_more(kms: RunningKms) -> None:
    arn, other = kms.create_key(), kms.create_key()
    for number in range(ResourceQuotas().aliases_per_key):
        create(kms, f"alias/{number}", arn)
    with pytest.raises(AwsError, match=f"LimitExceededException: {arn} has 50 aliases; the quota is 50."):
        create(kms, "alias/more", arn)
    create(kms, "alias/other", other)
    with pytest.raises(AwsError, match="LimitExceededException"):
        kms.call("UpdateAlias", {"AliasName": "alias/other", "TargetKeyId": arn})
    kms.call("UpdateAlias", {"AliasName": "alias/1", "TargetKeyId": arn})


def test_an_alias_moves_to_another_key_even_from_one_that_is_pending_deletion(kms: RunningKms) -> None:
    old, new = kms.create_key(), kms.create_key()
    create(kms, "alias/app", old)
    kms.call("ScheduleKeyDeletion", {"KeyId": old})
    kms.call("UpdateAlias", {"AliasName": "alias/app", "TargetKeyId": new})
    assert kms.call("DescribeKey", {"KeyId": "alias/app"})["KeyMetadata"]["Arn"] == new
    with pytest.raises(AwsError, match=f"{old} is pending deletion"):
        kms.call("UpdateAlias", {"AliasName": "alias/app", "TargetKeyId": old})


@pytest.mark.parametrize("operation", ["UpdateAlias", "DeleteAlias"])
def test_an_alias_that_is_not_there_is_not_found(kms: RunningKms, operation: str) -> None:
    with pytest.raises(AwsError, match=f"NotFoundException: Alias {ALIAS_ARN} is not found."):
        kms.call(operation, {"AliasName": "alias/app", "TargetKeyId": kms.create_key()})


def test_a_deleted_alias_names_nothing_and_its_key_stays(kms: RunningKms) -> None:
    arn = kms.create_key()
    create(kms, "alias/app", arn)
    kms.call("DeleteAlias", {"AliasName": "alias/app"})
    with pytest.raises(AwsError, match="is not found"):
        kms.call("DescribeKey", {"KeyId": "alias/app"})
    assert kms.call("DescribeKey", {"KeyId": arn})
    create(kms, "alias/app", kms.create_key())


def test_aliases_are_listed_by_key_and_in_pages(kms: RunningKms) -> None:
    one, other = kms.create_key(), kms.create_key()
    for name in ("alias/c", "alias/a"):
        create(kms, name, one)
    create(kms, "alias/b", other)
    assert names(kms) == ["alias/a", "alias/b", "alias/c"]
    assert names(kms, KeyId=one) == ["alias/a", "alias/c"]
    first = kms.call("ListAliases", {"Limit": 2})
    assert first["Truncated"] is True
    assert names(kms, Marker=first["NextMarker"]) == ["alias/c"]
    with pytest.raises(AwsError, match="Invalid keyId 'alias/a'"):
        names(kms, KeyId="alias/a")
