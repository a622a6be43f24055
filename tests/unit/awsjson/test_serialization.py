from __future__ import annotations

import json

import pytest

from tests.unit.awsjson.support import kms, operation_names, published_model


def test_blobs_become_base64_and_nothing_else_changes() -> None:
    body = kms().encode_output("Encrypt", {"CiphertextBlob": b"\0\xff", "KeyId": "\u00e9", "EncryptionAlgorithm": None})

    assert json.loads(body) == {"CiphertextBlob": "AP8=", "KeyId": "\u00e9"}


def test_times_are_numbers_of_seconds_with_milliseconds() -> None:
    body = kms().encode_output("DescribeKey", {"KeyMetadata": {"KeyId": "k", "CreationDate": 1732431600.123456}})

    assert body == b'{"KeyMetadata":{"KeyId":"k","CreationDate":1732431600.123}}'


def test_members_that_are_none_are_left_out_at_every_depth() -> None:
    output = {"Keys": [{"KeyId": "k", "KeyArn": None}], "NextMarker": None, "Truncated": False}

    assert json.loads(kms().encode_output("ListKeys", output)) == {"Keys": [{"KeyId": "k"}], "Truncated": False}


@pytest.mark.parametrize("operation", operation_names())
def test_an_empty_answer_is_an_empty_object_or_without_an_output_nothing(operation: str) -> None:
    has_output = "output" in published_model()["operations"][operation]

    assert kms().encode_output(operation, {}) == (b"{}" if has_output else b"")


@pytest.mark.parametrize(
    ("operation", "output", "reason"),
    [
        ("Encrypt", {"Ciphertext": b"x"}, "no member 'Ciphertext' here"),
        ("Encrypt", {"Ciphertext": None}, "no member 'Ciphertext' here"),
        ("ConnectCustomKeyStore", {"KeyId": "k"}, "no member 'KeyId' here, only none"),
        ("CreateAlias", {"AliasName": "a"}, "no output for this operation"),
        ("DescribeKey", {"KeyMetadata": {"Id": "k"}}, "no member 'Id' here"),
        ("DescribeKey", {"KeyMetadata": {"KeyState": "enabled"}}, "allows Creating, Enabled"),
        ("DescribeKey", {"KeyMetadata": {"KeyState": 1}}, "a string here, not a int"),
        ("DescribeKey", {"KeyMetadata": {"KeyId": b"k"}}, "a string here, not a bytes"),
        ("DescribeKey", {"KeyMetadata": {"Enabled": 1}}, "a boolean here, not a int"),
        ("DescribeKey", {"KeyMetadata": {"CreationDate": "2030"}}, "Unix seconds here, not a str"),
        ("DescribeKey", {"KeyMetadata": "k"}, "a structure here, not a str"),
        ("ListKeys", {"Keys": {"KeyId": "k"}}, "a list here, not a dict"),
        ("ScheduleKeyDeletion", {"PendingWindowInDays": True}, "an integer here, not a bool"),
        ("Encrypt", {"CiphertextBlob": "AAAA"}, "bytes here, not a str"),
        ("ListGrants", {"Grants": [{"Constraints": {"EncryptionContextEquals": []}}]}, "a map here, not a list"),
    ],
)
def test_what_the_model_does_not_have_is_a_mistake_of_ours(
    operation: str, output: dict[str, object], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        kms().encode_output(operation, output)


def test_a_wrong_value_is_not_shown_in_the_mistake() -> None:
    with pytest.raises(ValueError, match="bytes here") as caught:
        kms().encode_output("Decrypt", {"Plaintext": "canary"})

    assert "canary" not in str(caught.value)
