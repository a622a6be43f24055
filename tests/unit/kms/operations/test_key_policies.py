from __future__ import annotations

import pytest

from hyok.awsjson.errors import AwsError
from tests.unit.kms.examples import POLICY
from tests.unit.kms.running import RunningKms


def test_a_key_keeps_the_policy_it_was_made_with_to_the_letter(kms: RunningKms) -> None:
    assert kms.call("GetKeyPolicy", {"KeyId": kms.create_key(Policy=POLICY), "PolicyName": "default"}) == {
        "Policy": POLICY,
        "PolicyName": "default",
    }


def test_a_key_has_no_policy_of_another_name(kms: RunningKms) -> None:
    arn = kms.create_key()
    with pytest.raises(AwsError, match="NotFoundException: No such policy exists"):
        kms.call("GetKeyPolicy", {"KeyId": arn, "PolicyName": "other"})
    assert kms.call("ListKeyPolicies", {"KeyId": arn}) == {"PolicyNames": ["default"], "Truncated": False}


def put(kms: RunningKms, arn: str, policy: str, **request: object) -> None:
    kms.call("PutKeyPolicy", {"KeyId": arn, "Policy": policy, **request})


def test_a_policy_takes_the_place_of_the_one_before(kms: RunningKms) -> None:
    arn = kms.create_key()
    policy = kms.call("GetKeyPolicy", {"KeyId": arn})["Policy"].replace("Enable IAM User Permissions", "mine")
    put(kms, arn, policy)
    assert kms.call("GetKeyPolicy", {"KeyId": arn})["Policy"] == policy


def test_a_policy_that_is_none_is_refused(kms: RunningKms) -> None:
    arn = kms.create_key()
    for policy in ("{", "[]", '"text"'):
        with pytest.raises(AwsError, match="MalformedPolicyDocumentException"):
            put(kms, arn, policy)
    with pytest.raises(AwsError, match="LimitExceededException: The key policy has 32770 bytes"):
        put(kms, arn, '"' + "x" * 32_768 + '"')


def test_only_the_default_policy_can_be_put(kms: RunningKms) -> None:
    arn = kms.create_key()
    policy = kms.call("GetKeyPolicy", {"KeyId": arn})["Policy"]
    put(kms, arn, policy, PolicyName="default")
    with pytest.raises(AwsError, match="ValidationException: The AWS_RAM policy can only be managed by the RAM ser"):
        put(kms, arn, policy, PolicyName="AWS_RAM")
    with pytest.raises(AwsError, match="NotFoundException: No such policy exists"):
        put(kms, arn, policy, PolicyName="other")
