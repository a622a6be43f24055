from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from hyok.awsjson.deserialization import build_reader
from hyok.awsjson.errors import AwsError
from hyok.awsjson.validation import build_check, null_member_error, validate
from tests.unit.awsjson import oracle
from tests.unit.awsjson.support import INPUT, kms, operation_names, published_model, refusal_of, small_model

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "aws-validation-kms.json").read_text())
RECORDED = VECTORS["answers"]


def message_of(operation: str, request: dict[str, Any]) -> str:
    error = refusal_of(operation, json.dumps(request).encode())
    assert error.code == "ValidationException"
    assert error.message is not None
    return error.message


def violations_in(shapes: dict[str, Any], value: object) -> str | None:
    """Return what is said of a value against a model made for the test."""
    model = small_model(shapes)
    try:
        validate(build_reader(model, INPUT)(value), build_check(model, INPUT))
    except AwsError as error:
        return error.message
    return None


@pytest.mark.parametrize("answer", RECORDED, ids=lambda answer: answer["operation"])
def test_what_aws_is_known_to_have_answered_is_answered_word_for_word(answer: dict[str, Any]) -> None:
    blobs = {name: base64.b64encode(bytes(size)).decode() for name, size in answer.get("blobs", {}).items()}
    violations = answer["violations"]
    count = f"{len(violations)} validation error{'' if len(violations) == 1 else 's'} detected: "

    assert message_of(answer["operation"], answer["request"] | blobs) == count + "; ".join(violations)


def test_every_kind_of_constraint_that_the_model_has_is_recorded_or_said_not_to_be() -> None:
    said = {
        kind_of(violation)
        for operation in operation_names()
        for request in oracle.violators(oracle.input_of(operation))
        for violation in oracle.violations(oracle.input_of(operation), request)
    }
    recorded = {kind_of(violation) for answer in RECORDED for violation in answer["violations"]}

    assert said - recorded == VECTORS["not recorded"].keys() & said


def kind_of(violation: str) -> str:
    """Return a violation's sentence without what differs from member to member."""
    sentence = violation.partition("failed to satisfy constraint: ")[2]
    return re.match(r"[^:0-9]*[^:0-9 ]", sentence)[0]  # type: ignore[index]  # every sentence begins with a letter


def test_a_member_that_only_some_requests_need_is_missed_in_the_same_words() -> None:
    error = null_member_error("CiphertextBlob")

    assert (error.code, error.message) == (
        "ValidationException",
        "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: "
        "Member must not be null",
    )


def test_a_list_member_is_counted_from_one_and_its_members_are_named_below_it() -> None:
    tags = [{"TagKey": "a", "TagValue": "b"}, {"TagKey": "k" * 129, "TagValue": "v"}]

    assert message_of("TagResource", {"KeyId": "k", "Tags": tags}) == (
        f"1 validation error detected: Value '{'k' * 129}' at 'tags.2.member.tagKey' failed to satisfy constraint: "
        "Member must have length less than or equal to 128"
    )


def test_a_list_of_plain_values_is_judged_as_one_value() -> None:
    assert message_of("ListKeys", {"ResourceOwners": ["ALL", "NONE", "SELF"]}) == (
        "2 validation errors detected: Value '[ALL, NONE, SELF]' at 'resourceOwners' failed to satisfy constraint: "
        "Member must have length less than or equal to 2; Value '[ALL, NONE, SELF]' at 'resourceOwners' failed to "
        "satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: "
        f"[{', '.join(resource_owners())}], Member must not be null]"
    )


def resource_owners() -> list[str]:
    owners: list[str] = published_model()["shapes"]["ResourceOwnerType"]["enum"]
    return owners


def test_a_nested_members_path_holds_its_parents() -> None:
    request = {"CustomKeyStoreName": "n", "XksProxyAuthenticationCredential": {"AccessKeyId": "A" * 20}}

    assert message_of("CreateCustomKeyStore", request) == (
        "1 validation error detected: Value at 'xksProxyAuthenticationCredential.rawSecretAccessKey' failed to satisfy "
        "constraint: Member must not be null"
    )


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("CreateCustomKeyStore", {"CustomKeyStoreName": "n", "KeyStorePassword": "canary"}),
        ("CreateCustomKeyStore", {"CustomKeyStoreName": "n", "KeyStorePassword": "canary" * 10}),
        ("UpdateCustomKeyStore", {"XksProxyAuthenticationCredential": {"AccessKeyId": "canary"}}),
        ("UpdateCustomKeyStore", {"XksProxyAuthenticationCredential": {"RawSecretAccessKey": "canary-" * 8}}),
        ("Encrypt", {"KeyId": "k", "Plaintext": base64.b64encode(b"canary" * 1000).decode()}),
        ("ImportKeyMaterial", {"KeyId": "k", "ImportToken": base64.b64encode(b"canary" * 1200).decode()}),
    ],
)
def test_a_sensitive_value_or_blob_is_never_echoed(operation: str, request_: dict[str, Any]) -> None:
    message = message_of(operation, request_)

    assert "Value at '" in message
    assert "canary" not in message
    assert base64.b64encode(b"canary").decode() not in message


@pytest.mark.parametrize("operation", ["CreateCustomKeyStore", "UpdateCustomKeyStore"])
def test_an_empty_vpc_endpoint_service_name_is_taken_and_kept_apart_from_none(operation: str) -> None:
    required = {"CustomKeyStoreName": "n"} if operation.startswith("Create") else {"CustomKeyStoreId": "cks-1"}

    empty = kms().decode_input(operation, json.dumps(required | {"XksProxyVpcEndpointServiceName": ""}).encode())
    null = kms().decode_input(operation, json.dumps(required | {"XksProxyVpcEndpointServiceName": None}).encode())

    assert empty == required | {"XksProxyVpcEndpointServiceName": ""}
    assert null == required


def test_a_short_vpc_endpoint_service_name_is_refused_as_ever() -> None:
    message = message_of("UpdateCustomKeyStore", {"CustomKeyStoreId": "c", "XksProxyVpcEndpointServiceName": "com"})

    assert message.startswith("2 validation errors detected: Value 'com' at 'xksProxyVpcEndpointServiceName' failed")


def test_an_encryption_context_does_not_lose_a_pair_to_null() -> None:
    assert message_of("GenerateDataKey", {"KeyId": "k", "EncryptionContext": {"a": "1", "b": None}}) == (
        "1 validation error detected: Value '{a=1, b=null}' at 'encryptionContext' failed to satisfy constraint: "
        "Map value must satisfy constraint: [Member must not be null]"
    )


def test_several_violations_are_named_in_one_message_in_the_models_order() -> None:
    request = {"KeySpec": "FOO", "NumberOfBytes": 0, "GrantTokens": [""]}

    assert message_of("GenerateDataKey", request) == (
        "4 validation errors detected: "
        "Value null at 'keyId' failed to satisfy constraint: Member must not be null; "
        "Value '0' at 'numberOfBytes' failed to satisfy constraint: Member must have value greater than or equal to 1; "
        "Value 'FOO' at 'keySpec' failed to satisfy constraint: "
        "Member must satisfy enum value set: [AES_256, AES_128]; "
        "Value '[]' at 'grantTokens' failed to satisfy constraint: Member must satisfy constraint: "
        "[Member must have length less than or equal to 8192, Member must have length greater than or equal to 1, "
        "Member must not be null]"
    )


def test_no_more_than_ten_violations_are_named() -> None:
    tags = [{"TagKey": ""} for _ in range(1000)]

    message = message_of("TagResource", {"KeyId": "k", "Tags": tags})

    assert message.startswith("10 validation errors detected: ")
    assert message.count("failed to satisfy constraint") == 10


def test_map_keys_and_values_are_judged_with_the_map() -> None:
    shapes = {
        "Input": {"type": "map", "key": {"shape": "Key"}, "value": {"shape": "Value"}, "max": 1},
        "Key": {"type": "string", "max": 2, "pattern": "[a-z]+"},
        "Value": {"type": "string", "min": 1, "enum": ["on", "off"]},
    }

    assert violations_in(shapes, {"a": "on"}) is None
    assert violations_in(shapes, {"ABC": "", "b": "on"}) == (
        "3 validation errors detected: "
        "Value '{ABC=, b=on}' at '' failed to satisfy constraint: Member must have length less than or equal to 1; "
        "Value '{ABC=, b=on}' at '' failed to satisfy constraint: Map keys must satisfy constraint: [Member must have "
        "length less than or equal to 2, Member must satisfy regular expression pattern: [a-z]+]; "
        "Value '{ABC=, b=on}' at '' failed to satisfy constraint: Map value must satisfy constraint: [Member must have "
        "length greater than or equal to 1, Member must satisfy enum value set: [on, off], Member must not be null]"
    )


@pytest.mark.parametrize("member", [{"type": "blob", "max": 1}, {"type": "string", "max": 1, "sensitive": True}])
def test_a_list_of_what_may_not_be_shown_is_not_shown(member: dict[str, Any]) -> None:
    shapes = {"Input": {"type": "list", "member": {"shape": "Member"}, "max": 1}, "Member": member}

    assert violations_in(shapes, ["AAAA", "AAAA"]) == (
        "2 validation errors detected: "
        "Value at '' failed to satisfy constraint: Member must have length less than or equal to 1; "
        "Value at '' failed to satisfy constraint: Member must satisfy constraint: "
        "[Member must have length less than or equal to 1, Member must not be null]"
    )


def test_a_map_whose_values_may_not_be_shown_is_not_shown() -> None:
    shapes = {
        "Input": {"type": "map", "key": {"shape": "Key"}, "value": {"shape": "Value"}},
        "Key": {"type": "string"},
        "Value": {"type": "string", "max": 1, "sensitive": True},
    }

    assert violations_in(shapes, {"a": "canary"}) == (
        "1 validation error detected: Value at '' failed to satisfy constraint: Map value must satisfy constraint: "
        "[Member must have length less than or equal to 1, Member must not be null]"
    )


def test_a_model_whose_violations_nobody_could_word_is_refused() -> None:
    shapes = {
        "Input": {"type": "map", "key": {"shape": "Key"}, "value": {"shape": "Value"}},
        "Key": {"type": "string"},
        "Value": {"type": "structure"},
    }

    with pytest.raises(ValueError, match="is not known"):
        build_check(small_model(shapes), INPUT)
