from __future__ import annotations

import pytest

from hyok.kms.key_names import alias_arn, key_arn, partition_of, refuse_name
from tests.unit.kms.examples import KEY_ID
from tests.unit.kms.running import ACCOUNT, OTHER_ACCOUNT, REGION, a_call

HERE = f"arn:aws:kms:{REGION}:{ACCOUNT}"


def test_arns_have_aws_s_form() -> None:
    assert key_arn(ACCOUNT, REGION, KEY_ID) == f"{HERE}:key/{KEY_ID}"
    assert alias_arn(ACCOUNT, REGION, "alias/app/1") == f"{HERE}:alias/app/1"


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("eu-central-1", "aws"),
        ("cn-north-1", "aws-cn"),
        ("us-gov-west-1", "aws-us-gov"),
        ("eusc-de-east-1", "aws-eusc"),
    ],
)
def test_a_region_belongs_to_a_partition(region: str, partition: str) -> None:
    assert partition_of(region) == partition


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        (KEY_ID, f"NotFoundException: Key '{HERE}:key/{KEY_ID}' does not exist"),
        (f"{HERE}:key/{KEY_ID}", f"NotFoundException: Key '{HERE}:key/{KEY_ID}' does not exist"),
        ("mrk-" + "0" * 32, f"NotFoundException: Key '{HERE}:key/mrk-{'0' * 32}' does not exist"),
        ("fake-key-id", "NotFoundException: Invalid keyId 'fake-key-id'"),
        (KEY_ID.upper(), f"NotFoundException: Invalid keyId '{KEY_ID.upper()}'"),
        (KEY_ID + "\n", f"NotFoundException: Invalid keyId '{KEY_ID}\n'"),
        ("alias/none", f"NotFoundException: Alias {HERE}:alias/none is not found."),
        (f"{HERE}:alias/none", f"NotFoundException: Alias {HERE}:alias/none is not found."),
        (f"{HERE}:key/fake", f"NotFoundException: Invalid keyId '{HERE}:key/fake'"),
        (f"arn:aws:kms:us-east-2:{ACCOUNT}:key/{KEY_ID}", "NotFoundException: Invalid arn us-east-2"),
        (f"arn:aws:kms:us-east-2:{ACCOUNT}:alias/none", "NotFoundException: Invalid arn us-east-2"),
        ("arn:aws:s3:::bucket", "NotFoundException: Invalid keyId 'arn:aws:s3:::bucket'"),
        ("arn:aws:kms:x", "NotFoundException: Invalid keyId 'arn:aws:kms:x'"),
    ],
)
def test_a_name_that_leads_nowhere_is_refused_in_aws_s_words(name: str, refusal: str) -> None:
    assert str(refuse_name(a_call(), name, allow_alias=True)) == refusal


@pytest.mark.parametrize("name", ["alias/none", f"{HERE}:alias/none"])
def test_management_takes_no_alias(name: str) -> None:
    assert str(refuse_name(a_call(), name, allow_alias=False)) == f"NotFoundException: Invalid keyId '{name}'"


def test_a_key_of_another_account_is_denied_whether_it_exists_or_not() -> None:
    arn = f"arn:aws:kms:{REGION}:{OTHER_ACCOUNT}:key/{KEY_ID}"
    assert str(refuse_name(a_call("Encrypt"), arn, allow_alias=True)) == (
        f"AccessDeniedException: User: arn:aws:iam::{ACCOUNT}:root is not authorized to perform: kms:Encrypt on this "
        "resource because the resource does not exist in this Region, no resource-based policies allow access, or a "
        "resource-based policy explicitly denies access"
    )
