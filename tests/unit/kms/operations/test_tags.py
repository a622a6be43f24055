from __future__ import annotations

import pytest

from hyok.awsjson.errors import AwsError
from tests.unit.kms.running import RunningKms


def tag(kms: RunningKms, arn: str, **tags: str) -> None:
    members = [{"TagKey": name, "TagValue": value} for name, value in tags.items()]
    kms.call("TagResource", {"KeyId": arn, "Tags": members})


def tags_of(kms: RunningKms, arn: str) -> dict[str, str]:
    return {tag["TagKey"]: tag["TagValue"] for tag in kms.call("ListResourceTags", {"KeyId": arn})["Tags"]}


def test_tags_are_added_and_those_of_the_same_name_replaced(kms: RunningKms) -> None:
    arn = kms.create_key(Tags=[{"TagKey": "a", "TagValue": "1"}, {"TagKey": "A", "TagValue": "2"}])
    tag(kms, arn, a="3", b="")
    assert tags_of(kms, arn) == {"a": "3", "A": "2", "b": ""}


def test_tags_are_removed_by_name_and_absent_ones_do_not_matter(kms: RunningKms) -> None:
    arn = kms.create_key()
    tag(kms, arn, a="1", b="2")
    kms.call("UntagResource", {"KeyId": arn, "TagKeys": ["a", "c"]})
    assert tags_of(kms, arn) == {"b": "2"}


def test_a_key_takes_fifty_tags_in_all(kms: RunningKms) -> None:
    arn = kms.create_key()
    tag(kms, arn, **{f"t{number}": "" for number in range(49)})
    tag(kms, arn, t0="again", last="")
    with pytest.raises(AwsError, match="TagException: Too many tags"):
        tag(kms, arn, more="")
    assert len(tags_of(kms, arn)) == 50


@pytest.mark.parametrize("name", ["aws:x", "AWS:x", "aWs:"])
def test_names_that_aws_keeps_for_itself_are_refused(kms: RunningKms, name: str) -> None:
    arn = kms.create_key()
    reserved = "TagException: Tags beginning with aws: are reserved"
    with pytest.raises(AwsError, match=reserved):
        kms.call("TagResource", {"KeyId": arn, "Tags": [{"TagKey": name, "TagValue": ""}]})
    with pytest.raises(AwsError, match=reserved):
        kms.call("UntagResource", {"KeyId": arn, "TagKeys": [name]})


def test_a_name_is_given_once_in_a_request(kms: RunningKms) -> None:
    twice = [{"TagKey": "a", "TagValue": "1"}, {"TagKey": "a", "TagValue": "2"}]
    with pytest.raises(AwsError, match="TagException: Duplicate tag keys"):
        kms.call("TagResource", {"KeyId": kms.create_key(), "Tags": twice})


def test_a_key_that_is_pending_deletion_keeps_its_tags(kms: RunningKms) -> None:
    arn = kms.create_key()
    kms.call("ScheduleKeyDeletion", {"KeyId": arn})
    with pytest.raises(AwsError, match=f"KMSInvalidStateException: {arn} is pending deletion."):
        tag(kms, arn, a="1")


def test_tags_are_listed_in_pages(kms: RunningKms) -> None:
    arn = kms.create_key(Tags=[{"TagKey": name, "TagValue": name.upper()} for name in ("b", "a", "ü")])
    first = kms.call("ListResourceTags", {"KeyId": arn, "Limit": 2})
    assert first["Tags"] == [{"TagKey": "a", "TagValue": "A"}, {"TagKey": "b", "TagValue": "B"}]
    second = kms.call("ListResourceTags", {"KeyId": arn, "Limit": 2, "Marker": first["NextMarker"]})
    assert second == {"Tags": [{"TagKey": "ü", "TagValue": "Ü"}], "Truncated": False}


def test_a_key_without_tags_has_none(kms: RunningKms) -> None:
    assert kms.call("ListResourceTags", {"KeyId": kms.create_key()}) == {"Tags": [], "Truncated": False}
