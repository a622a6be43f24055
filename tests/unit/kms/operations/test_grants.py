from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hyok.awsjson.errors import AwsError
from hyok.kms.resource_quotas import ResourceQuotas
from tests.unit.kms.running import ACCOUNT, OTHER_ACCOUNT, OTHER_REGION, RunningKms, running_kms

ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"
BOB = f"arn:aws:iam::{OTHER_ACCOUNT}:role/app/bob"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/app/session"
SERVICE = "ec2.eu-central-1.amazonaws.com"
SOURCE = f"arn:aws:ec2:eu-central-1:{ACCOUNT}:volume/vol-1"
UNKNOWN = "0" * 64


@pytest.fixture
def arn(kms: RunningKms) -> str:
    return kms.create_external_key()


def create(kms: RunningKms, arn: str, **request: object) -> dict[str, str]:
    wanted = {"KeyId": arn, "GranteePrincipal": ALICE, "Operations": ["Decrypt", "Encrypt"], **request}
    made: dict[str, str] = kms.call("CreateGrant", {name: value for name, value in wanted.items() if value is not None})
    return made


def listed(kms: RunningKms, arn: str, **request: object) -> list[dict[str, Any]]:
    grants: list[dict[str, Any]] = kms.call("ListGrants", {"KeyId": arn, **request})["Grants"]
    return grants


def ids(grants: list[dict[str, Any]]) -> list[str]:
    return [grant["GrantId"] for grant in grants]


def test_a_grant_is_listed_with_all_that_was_asked_for(kms: RunningKms, arn: str) -> None:
    made = create(
        kms,
        arn,
        Operations=["RetireGrant", "Decrypt", "Encrypt", "Decrypt"],
        RetiringPrincipal=BOB,
        Name="backup/1",
        Constraints={"EncryptionContextSubset": {"tenant": "nile"}, "SourceArn": SOURCE},
    )
    (grant,) = listed(kms, arn)
    assert grant.pop("CreationDate") > 1_700_000_000
    assert grant == {
        "KeyId": arn,
        "GrantId": made["GrantId"],
        "Name": "backup/1",
        "GranteePrincipal": ALICE,
        "RetiringPrincipal": BOB,
        "IssuingAccount": f"arn:aws:iam::{ACCOUNT}:root",
        "Operations": ["Decrypt", "Encrypt", "RetireGrant"],
        "Constraints": {"EncryptionContextSubset": {"tenant": "nile"}, "SourceArn": SOURCE},
    }


@pytest.mark.parametrize("asked", ["EncryptionContextEquals", "EncryptionContextSubset"])
def test_a_constraint_that_comes_empty_beside_another_is_none(kms: RunningKms, arn: str, asked: str) -> None:
    constraints = {"EncryptionContextEquals": {}, "EncryptionContextSubset": {}, asked: {"a": "1"}}
    create(kms, arn, Constraints=constraints)
    assert listed(kms, arn)[0]["Constraints"] == {asked: {"a": "1"}}


def test_what_was_not_asked_for_is_not_listed(kms: RunningKms, arn: str) -> None:
    create(kms, arn)
    (grant,) = listed(kms, arn)
    assert not {"Name", "RetiringPrincipal", "Constraints", "GranteeServicePrincipal"} & set(grant)


def test_a_service_is_a_grantee_on_behalf_of_a_resource_and_can_retire(kms: RunningKms, arn: str) -> None:
    create(
        kms,
        arn,
        GranteePrincipal=None,
        GranteeServicePrincipal=SERVICE,
        RetiringServicePrincipal=SERVICE,
        Constraints={"SourceArn": SOURCE},
    )
    (grant,) = listed(kms, arn)
    assert grant["GranteeServicePrincipal"] == grant["RetiringServicePrincipal"] == SERVICE
    assert "GranteePrincipal" not in grant


def test_grants_hold_after_a_restart(tmp_path: Path) -> None:
    with running_kms(tmp_path) as before:
        arn = before.create_key()
        create(before, arn, Name="a", Constraints={"EncryptionContextEquals": {}}, RetiringPrincipal=BOB)
        create(before, arn, GranteePrincipal=SESSION)
        token = create(before, arn, GranteePrincipal=BOB)["GrantToken"]
        known = listed(before, arn)
    with running_kms(tmp_path) as after:
        assert listed(after, arn) == known
        after.call("RetireGrant", {"GrantToken": token})
    with running_kms(tmp_path) as later:
        assert len(listed(later, arn)) == 2


def test_a_repeated_request_of_a_name_finds_its_grant_and_gets_another_token(kms: RunningKms, arn: str) -> None:
    once, again = (create(kms, arn, Name="a", Operations=operations) for operations in (["Decrypt"], ["Decrypt"] * 2))
    assert once["GrantId"] == again["GrantId"]
    assert once["GrantToken"] != again["GrantToken"]
    other = create(kms, arn, Name="a", Operations=["Encrypt"])
    nameless = [create(kms, arn)["GrantId"] for _ in range(2)]
    assert len({once["GrantId"], other["GrantId"], *nameless}) == 4


def test_a_grant_that_ended_is_made_anew(kms: RunningKms, arn: str) -> None:
    first = create(kms, arn, Name="a")["GrantId"]
    kms.call("RevokeGrant", {"KeyId": arn, "GrantId": first})
    assert create(kms, arn, Name="a")["GrantId"] != first


@pytest.mark.parametrize(
    ("request_", "refusal"),
    [
        ({"Operations": ["CreateGrant"]}, "Grants must not contain only the CreateGrant operation."),
        ({"Operations": []}, "A grant allows one operation or more"),
        ({"Operations": ["Sign", "Decrypt"]}, "for which a grant cannot allow Sign."),
        ({"Operations": ["GenerateDataKeyPair"]}, "origin EXTERNAL_KEY_STORE, .* cannot allow GenerateDataKeyPair"),
        ({"Operations": ["ListKeys"]}, "Member must satisfy enum value set"),
        ({"GranteePrincipal": None}, "Specify either GranteePrincipal or GranteeServicePrincipal."),
        ({"GranteeServicePrincipal": SERVICE}, "GranteePrincipal or GranteeServicePrincipal, but not both"),
        (
            {"RetiringPrincipal": BOB, "RetiringServicePrincipal": SERVICE},
            "RetiringPrincipal or RetiringServicePrincipal, but not both",
        ),
        ({"GranteePrincipal": None, "GranteeServicePrincipal": SERVICE}, "needs the grant constraint SourceArn"),
        (
            {
                "GranteePrincipal": None,
                "GranteeServicePrincipal": SERVICE,
                "Constraints": {"SourceArn": SOURCE},
            },
            "needs either RetiringPrincipal or RetiringServicePrincipal",
        ),
        (
            {"Constraints": {"EncryptionContextEquals": {"a": "1"}, "EncryptionContextSubset": {"b": "2"}}},
            "More than one constraint supplied",
        ),
        (
            {"Constraints": {"EncryptionContextEquals": {str(number): "" for number in range(9)}}},
            "at most 8 encryption context pairs, not 9",
        ),
        ({"Constraints": {"EncryptionContextSubset": {"a": "x" * 385}}}, "at most 384 characters, not 385"),
        ({"Name": "a b"}, "at 'name' failed to satisfy constraint"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    kms: RunningKms, arn: str, request_: dict[str, object], refusal: str
) -> None:
    with pytest.raises(AwsError, match=f"ValidationException: .*{refusal}"):
        create(kms, arn, **request_)
    assert listed(kms, arn) == []


@pytest.mark.parametrize(
    "principal", ["alice", "arn:aws:iam::1:user/a", f"arn:aws:iam::{ACCOUNT}:group/g", f"arn:aws:s3::{ACCOUNT}:root"]
)
def test_what_is_no_principal_gets_no_grant_and_retires_none(kms: RunningKms, arn: str, principal: str) -> None:
    refusal = f"InvalidArnException: ARN does not refer to a valid principal: {principal}"
    for role in ("GranteePrincipal", "RetiringPrincipal"):
        with pytest.raises(AwsError, match=refusal):
            create(kms, arn, **{role: principal})


def test_an_ordinary_key_s_grant_can_allow_data_key_pairs(kms: RunningKms) -> None:
    arn = kms.create_key()
    create(kms, arn, Operations=["GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"])
    assert len(listed(kms, arn)) == 1


def test_a_key_has_so_many_grants_and_no_more(tmp_path: Path) -> None:
    with running_kms(tmp_path, resource_quotas=ResourceQuotas(grants_per_key=1)) as kms:
        arn = kms.create_key()
        create(kms, arn, Name="a")
        create(kms, arn, Name="a")
        with pytest.raises(AwsError, match=f"LimitExceededException: {arn} has 1 grants; the quota is 1."):
            create(kms, arn)


def test_a_key_s_grants_are_listed_in_pages_and_by_grantee_and_id(kms: RunningKms, arn: str) -> None:
    made = sorted(create(kms, arn)["GrantId"] for _ in range(3))
    bob = create(kms, arn, GranteePrincipal=BOB)["GrantId"]
    page = kms.call("ListGrants", {"KeyId": arn, "GranteePrincipal": ALICE, "Limit": 2})
    assert ids(page["Grants"]) == made[:2]
    assert ids(listed(kms, arn, GranteePrincipal=ALICE, Marker=page["NextMarker"])) == made[2:]
    assert ids(listed(kms, arn, GranteePrincipal=BOB)) == [bob]
    assert ids(listed(kms, arn, GrantId=bob)) == [bob]
    assert listed(kms, arn, GrantId=bob, GranteePrincipal=ALICE) == []
    assert listed(kms, arn, GrantId=UNKNOWN) == []
    assert listed(kms, kms.create_key(), GrantId=bob) == []


def test_a_list_of_grants_has_its_own_bounds(kms: RunningKms, arn: str) -> None:
    for operation, request in (("ListGrants", {"KeyId": arn}), ("ListRetirableGrants", {"RetiringPrincipal": ALICE})):
        with pytest.raises(AwsError, match=r"Value '101' at 'limit' .* less than or equal to 100"):
            kms.call(operation, {**request, "Limit": 101})
        with pytest.raises(AwsError, match="InvalidMarkerException"):
            kms.call(operation, {**request, "Marker": "ü"})
    with pytest.raises(AwsError, match="InvalidGrantIdException: Invalid grant ID x"):
        listed(kms, arn, GrantId="x")


def test_retirable_grants_are_those_of_all_keys_in_the_region(kms: RunningKms, arn: str) -> None:
    mine = f"arn:aws:iam::{ACCOUNT}:role/retirer"
    here = [create(kms, key, RetiringPrincipal=mine)["GrantId"] for key in (arn, kms.create_key())]
    create(kms, arn, RetiringPrincipal=BOB)
    create(kms, arn)
    elsewhere = kms.call("CreateKey", {}, region=OTHER_REGION)["KeyMetadata"]["KeyId"]
    request = {"GranteePrincipal": ALICE, "Operations": ["Decrypt"], "RetiringPrincipal": mine}
    kms.call("CreateGrant", {"KeyId": elsewhere, **request}, region=OTHER_REGION)
    assert ids(kms.call("ListRetirableGrants", {"RetiringPrincipal": mine})["Grants"]) == sorted(here)
    bobs = kms.call("ListRetirableGrants", {"RetiringPrincipal": BOB}, account=OTHER_ACCOUNT)["Grants"]
    assert [grant["KeyId"] for grant in bobs] == [arn], "of another account's key"
    with pytest.raises(AwsError, match=r"ValidationException: .*'retiringPrincipal'"):
        kms.call("ListRetirableGrants", {})
    with pytest.raises(AwsError, match="but not both"):
        kms.call("ListRetirableGrants", {"RetiringPrincipal": mine, "RetiringServicePrincipal": SERVICE})


def test_a_grant_is_retired_by_any_of_its_tokens_or_by_its_id(kms: RunningKms, arn: str) -> None:
    token = create(kms, arn, Name="a")["GrantToken"]
    create(kms, arn, Name="a")
    by_id = create(kms, arn)["GrantId"]
    kms.call("RetireGrant", {"GrantToken": token})
    kms.call("RetireGrant", {"KeyId": arn, "GrantId": by_id})
    assert listed(kms, arn) == []


def test_a_grant_that_is_not_there_is_not_found(kms: RunningKms, arn: str) -> None:
    made = create(kms, arn)
    kms.call("RevokeGrant", {"KeyId": arn, "GrantId": made["GrantId"]})
    for operation in ("RevokeGrant", "RetireGrant"):
        with pytest.raises(AwsError, match=f"NotFoundException: Grant ID {made['GrantId']} not found"):
            kms.call(operation, {"KeyId": arn, "GrantId": made["GrantId"]})
        with pytest.raises(AwsError, match="InvalidGrantIdException"):
            kms.call(operation, {"KeyId": arn, "GrantId": "x"})
    with pytest.raises(AwsError, match="NotFoundException: The grant that the grant token names"):
        kms.call("RetireGrant", {"GrantToken": made["GrantToken"]})


def test_a_grant_belongs_to_its_key_and_region(kms: RunningKms, arn: str) -> None:
    made = create(kms, arn)
    with pytest.raises(AwsError, match="NotFoundException: Grant ID"):
        kms.call("RevokeGrant", {"KeyId": kms.create_key(), "GrantId": made["GrantId"]})
    with pytest.raises(AwsError, match="NotFoundException"):
        kms.call("RetireGrant", {"GrantToken": made["GrantToken"]}, region=OTHER_REGION)
    assert len(listed(kms, arn)) == 1


@pytest.mark.parametrize("token", ["x", "AAAA", "ü", "A" * 200])
def test_a_token_that_this_kms_never_gave_is_refused(kms: RunningKms, token: str) -> None:
    with pytest.raises(AwsError, match="InvalidGrantTokenException"):
        kms.call("RetireGrant", {"GrantToken": token})


@pytest.mark.parametrize("members", [{}, {"GrantId": UNKNOWN}, {"GrantToken": "x", "KeyId": "y"}])
def test_a_grant_to_retire_is_named_in_one_way(kms: RunningKms, members: dict[str, str]) -> None:
    with pytest.raises(AwsError, match="ValidationException: Specify either GrantToken, or both KeyId and GrantId"):
        kms.call("RetireGrant", members)


def test_a_dry_run_changes_nothing_and_comes_last(kms: RunningKms, arn: str) -> None:
    made = create(kms, arn)
    dry = pytest.raises(AwsError, match="DryRunOperationException: The request would have succeeded, but the DryRun")
    with dry:
        create(kms, arn, DryRun=True)
    for operation in ("RetireGrant", "RevokeGrant"):
        with dry:
            kms.call(operation, {"KeyId": arn, "GrantId": made["GrantId"], "DryRun": True})
    assert ids(listed(kms, arn)) == [made["GrantId"]]
    with pytest.raises(AwsError, match="NotFoundException"):
        kms.call("RevokeGrant", {"KeyId": arn, "GrantId": UNKNOWN, "DryRun": True})
    kms.call("DisableKey", {"KeyId": arn})
    with pytest.raises(AwsError, match="DisabledException"):
        create(kms, arn, DryRun=True)


def test_a_deleted_key_takes_its_grants_with_it(kms: RunningKms, arn: str) -> None:
    token = create(kms, arn, RetiringPrincipal=BOB)["GrantToken"]
    kms.delete(arn)
    assert kms.call("ListRetirableGrants", {"RetiringPrincipal": BOB}, account=OTHER_ACCOUNT)["Grants"] == []
    with pytest.raises(AwsError, match="NotFoundException"):
        kms.call("RetireGrant", {"GrantToken": token})
