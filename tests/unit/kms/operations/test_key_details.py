from __future__ import annotations

import pytest

from hyok.awsjson.errors import AwsError
from tests.unit.kms.running import RunningKms


def test_a_key_keeps_the_policy_it_was_made_with_to_the_letter(kms: RunningKms) -> None:
    policy = '{ "Version":"2012-10-17", "Statement":[] }'
    assert kms.call("GetKeyPolicy", {"KeyId": kms.create_key(Policy=policy), "PolicyName": "default"}) == {
        "Policy": policy,
        "PolicyName": "default",
    }


def test_a_key_has_no_policy_of_another_name(kms: RunningKms) -> None:
    arn = kms.create_key()
    with pytest.raises(AwsError, match="NotFoundException: No such policy exists"):
        kms.call("GetKeyPolicy", {"KeyId": arn, "PolicyName": "other"})
    assert kms.call("ListKeyPolicies", {"KeyId": arn}) == {"PolicyNames": ["default"], "Truncated": False}


def test_tags_are_listed_in_pages(kms: RunningKms) -> None:
    arn = kms.create_key(Tags=[{"TagKey": name, "TagValue": name.upper()} for name in ("b", "a", "ü")])
    first = kms.call("ListResourceTags", {"KeyId": arn, "Limit": 2})
    assert first["Tags"] == [{"TagKey": "a", "TagValue": "A"}, {"TagKey": "b", "TagValue": "B"}]
    second = kms.call("ListResourceTags", {"KeyId": arn, "Limit": 2, "Marker": first["NextMarker"]})
    assert second == {"Tags": [{"TagKey": "ü", "TagValue": "Ü"}], "Truncated": False}


def test_a_key_without_tags_has_none(kms: RunningKms) -> None:
    assert kms.call("ListResourceTags", {"KeyId": kms.create_key()}) == {"Tags": [], "Truncated": False}
