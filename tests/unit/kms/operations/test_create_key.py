from __future__ import annotations

import json

import pytest

from hyok.awsjson.errors import AwsError
from hyok.kms.connection_state import ConnectionState
from tests.unit.kms.examples import POLICY
from tests.unit.kms.running import ACCOUNT, OTHER_ACCOUNT, REGION, STORE_ID, XKS_KEY_ID, RunningKms

EXTERNAL = {"Origin": "EXTERNAL_KEY_STORE", "CustomKeyStoreId": STORE_ID, "XksKeyId": XKS_KEY_ID}


def test_an_ordinary_key_has_the_metadata_of_aws(kms: RunningKms) -> None:
    metadata = kms.call("CreateKey", {"Description": "for logs"})["KeyMetadata"]
    arn = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{metadata['KeyId']}"
    assert len(metadata.pop("CurrentKeyMaterialId")) == 64
    assert metadata.pop("CreationDate") > 1_700_000_000
    assert metadata == {
        "AWSAccountId": ACCOUNT,
        "KeyId": metadata["KeyId"],
        "Arn": arn,
        "Enabled": True,
        "Description": "for logs",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": "Enabled",
        "Origin": "AWS_KMS",
        "KeyManager": "CUSTOMER",
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": False,
    }
    assert kms.call("DescribeKey", {"KeyId": arn})["KeyMetadata"]["Arn"] == arn


def test_a_key_in_an_external_key_store_shows_its_external_key(kms: RunningKms) -> None:
    metadata = kms.call("CreateKey", EXTERNAL)["KeyMetadata"]
    assert metadata["Origin"] == "EXTERNAL_KEY_STORE"
    assert metadata["CustomKeyStoreId"] == STORE_ID
    assert metadata["XksKeyConfiguration"] == {"Id": XKS_KEY_ID}
    assert "CurrentKeyMaterialId" not in metadata
    assert "CloudHsmClusterId" not in metadata
    assert kms.external_keys.asked == ["GetKeyMetadata"]


def test_an_external_key_is_tied_to_one_key_and_the_proxy_is_not_asked_again(kms: RunningKms) -> None:
    arn = kms.create_external_key()
    with pytest.raises(AwsError, match="XksKeyAlreadyInUseException"):
        kms.create_external_key()
    kms.call("ScheduleKeyDeletion", {"KeyId": arn})
    with pytest.raises(AwsError, match="XksKeyAlreadyInUseException"):
        kms.create_external_key()
    assert kms.external_keys.asked == ["GetKeyMetadata"]


def test_an_external_key_that_the_holder_does_not_have_makes_no_key(kms: RunningKms) -> None:
    with pytest.raises(AwsError, match="XksKeyNotFoundException: The external key associated with this KMS key"):
        kms.create_external_key("none")
    assert kms.call("ListKeys", {})["Keys"] == []
    assert not kms.is_tied("none")


def test_a_store_that_is_not_connected_takes_no_key(kms: RunningKms) -> None:
    kms.set_store_state(ConnectionState.DISCONNECTED)
    with pytest.raises(AwsError, match="CustomKeyStoreInvalidStateException"):
        kms.create_external_key()


def test_a_store_of_another_account_is_not_found(kms: RunningKms) -> None:
    with pytest.raises(AwsError, match="CustomKeyStoreNotFoundException"):
        kms.call("CreateKey", EXTERNAL, account=OTHER_ACCOUNT)


@pytest.mark.parametrize(
    ("request_members", "refusal"),
    [
        ({**EXTERNAL, "CustomKeyStoreId": "cks-ffffffffffffffff0"}, "CustomKeyStoreNotFoundException"),
        ({"Origin": "EXTERNAL_KEY_STORE", "CustomKeyStoreId": STORE_ID}, "ValidationException: .* requires both"),
        ({"Origin": "EXTERNAL_KEY_STORE", "XksKeyId": "x"}, "ValidationException: .* requires both"),
        ({"CustomKeyStoreId": STORE_ID, "XksKeyId": "x"}, "ValidationException: .* not valid .* Origin AWS_KMS"),
        ({"XksKeyId": "x"}, "ValidationException: CustomKeyStoreId and XksKeyId are not valid"),
        ({"Origin": "EXTERNAL"}, "UnsupportedOperationException: .* Origin EXTERNAL yet"),
        ({"Origin": "AWS_CLOUDHSM"}, "UnsupportedOperationException: .* Origin AWS_CLOUDHSM yet"),
        ({**EXTERNAL, "MultiRegion": True}, "UnsupportedOperationException: .*multi-Region"),
        ({"KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"}, "UnsupportedOperationException: .*KeySpec RSA_2048"),
        ({"CustomerMasterKeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY"}, "UnsupportedOperationException"),
        (
            {"KeySpec": "RSA_2048"},
            "ValidationException: You must specify a KeyUsage value for all KMS keys except for symmetric encryption",
        ),
        ({"KeyUsage": "SIGN_VERIFY"}, "ValidationException: KeyUsage SIGN_VERIFY is not compatible"),
        (
            {"KeySpec": "SYMMETRIC_DEFAULT", "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT"},
            "ValidationException: You cannot specify KeySpec and CustomerMasterKeySpec in the same request. "
            "CustomerMasterKeySpec is deprecated.",
        ),
        ({"Policy": "no"}, "MalformedPolicyDocumentException"),
        ({"Policy": "[]"}, "MalformedPolicyDocumentException"),
        ({"Policy": "[" * 30_000}, "MalformedPolicyDocumentException"),
        ({"Policy": '{"a": "' + "x" * 32_768 + '"}'}, "LimitExceededException: The key policy has 32777 bytes"),
        ({"Tags": [{"TagKey": str(n), "TagValue": ""} for n in range(51)]}, "TagException: Too many tags"),
        ({"Tags": [{"TagKey": "a", "TagValue": v} for v in "12"]}, "TagException: Duplicate tag keys"),
        ({"Tags": [{"TagKey": "AWS:x", "TagValue": ""}]}, "TagException: Tags beginning with aws: are reserved"),
        ({"Tags": [{"TagKey": "", "TagValue": ""}]}, r"ValidationException: .*'tags.1.member.tagKey'"),
    ],
)
def test_what_makes_no_key_is_refused_before_the_proxy_is_asked(
    kms: RunningKms, request_members: dict[str, object], refusal: str
) -> None:
    with pytest.raises(AwsError, match=refusal):
        kms.call("CreateKey", request_members)
    assert kms.external_keys.asked == []
    assert kms.call("ListKeys", {})["Keys"] == []


def test_every_fitting_member_may_be_spelled_out(kms: RunningKms) -> None:
    spelled_out = {
        **EXTERNAL,
        "KeySpec": "SYMMETRIC_DEFAULT",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "MultiRegion": False,
        "BypassPolicyLockoutSafetyCheck": True,
        "Policy": POLICY,
        "Tags": [{"TagKey": "a", "TagValue": ""}],
    }
    assert kms.call("CreateKey", spelled_out)["KeyMetadata"]["KeyState"] == "Enabled"


def test_a_key_made_without_a_policy_has_aws_s_default_one(kms: RunningKms) -> None:
    answer = kms.call("GetKeyPolicy", {"KeyId": kms.create_key()})
    assert answer["PolicyName"] == "default"
    assert json.loads(answer["Policy"]) == {
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [
            {
                "Sid": "Enable IAM User Permissions",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
                "Action": "kms:*",
                "Resource": "*",
            }
        ],
    }
