from __future__ import annotations

import json

import pytest

from tests.unit.awsjson.support import kms, refusal_of

LIST_FOUND = "Start of list found where not expected"
STRUCTURE_FOUND = "Start of structure or map found where not expected."


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"null",
        b'"x"',
        b"1",
        b"true",
        b'{"Limit": 1,}',
        b'{"Limit": 01}',
        b'{"Limit": NaN}',
        b'{"Limit": 1e999}',
        b"{'Limit': 1}",
        b'{"Limit": 1} x',
        b'\xef\xbb\xbf{"Limit": 1}',
        b'{"Marker": "\xff"}',
        b'{"Marker": "\\ud800"}',
        b'{"Marker": "a\nb"}',
        b"[" * 100_000,
        b'{"Other": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"Limit": ' + b"9" * 10_000 + b"}",
    ],
)
def test_a_body_that_is_no_json_object_is_refused_without_a_reason(body: bytes) -> None:
    error = refusal_of("ListKeys", body)

    assert (error.code, error.message) == ("SerializationException", None)


@pytest.mark.parametrize(
    ("operation", "member", "value", "message"),
    [
        ("ListKeys", "Limit", "1", "STRING_VALUE can not be converted to an Integer"),
        ("ListKeys", "Limit", True, "TRUE_VALUE can not be converted to an Integer"),
        ("ListKeys", "Limit", False, "FALSE_VALUE can not be converted to an Integer"),
        ("ListKeys", "Limit", [1], LIST_FOUND),
        ("ListKeys", "Limit", {"a": 1}, STRUCTURE_FOUND),
        ("DescribeKey", "KeyId", 1, "NUMBER_VALUE can not be converted to a String"),
        ("DescribeKey", "KeyId", 1.5, "NUMBER_VALUE can not be converted to a String"),
        ("DescribeKey", "KeyId", True, "TRUE_VALUE can not be converted to a String"),
        ("DescribeKey", "KeyId", [], LIST_FOUND),
        ("DescribeKey", "KeyId", {}, STRUCTURE_FOUND),
        ("DescribeKey", "GrantTokens", "x", "Expected list or null"),
        ("DescribeKey", "GrantTokens", 1, "Expected list or null"),
        ("DescribeKey", "GrantTokens", {}, STRUCTURE_FOUND),
        ("DescribeKey", "GrantTokens", [1], "NUMBER_VALUE can not be converted to a String"),
        ("Encrypt", "EncryptionContext", "x", "Expected map or null"),
        ("Encrypt", "EncryptionContext", [], LIST_FOUND),
        ("Encrypt", "EncryptionContext", {"a": 1}, "NUMBER_VALUE can not be converted to a String"),
        ("Encrypt", "DryRun", "true", "STRING_VALUE can not be converted to an Boolean"),
        ("Encrypt", "DryRun", 1, "NUMBER_VALUE can not be converted to a Boolean"),
        ("Encrypt", "Plaintext", 1, "NUMBER_VALUE can not be converted to a Blob"),
        ("Encrypt", "Plaintext", [1], LIST_FOUND),
        ("Decrypt", "Recipient", "x", "Expected null"),
        ("Decrypt", "Recipient", 1, "Expected null"),
        ("Decrypt", "Recipient", [], LIST_FOUND),
        ("TagResource", "Tags", ["x"], "Expected null"),
        ("TagResource", "Tags", [{"TagKey": 1}], "NUMBER_VALUE can not be converted to a String"),
        (
            "ImportKeyMaterial",
            "ValidTo",
            "2030-01-01T00:00:00Z",
            "STRING_VALUE can not be converted to milliseconds since epoch",
        ),
        ("ImportKeyMaterial", "ValidTo", True, "TRUE_VALUE can not be converted to milliseconds since epoch"),
        ("ImportKeyMaterial", "ValidTo", 1e15, None),
        ("ImportKeyMaterial", "ValidTo", -1e15, None),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_in_awss_words(
    operation: str, member: str, value: object, message: str | None
) -> None:
    error = refusal_of(operation, json.dumps({member: value}).encode())

    assert (error.code, error.message) == ("SerializationException", message)


def test_a_list_as_the_whole_body_is_the_one_body_with_a_reason() -> None:
    assert refusal_of("ListKeys", b"[]").message == LIST_FOUND


@pytest.mark.parametrize("text", ["QQ", "QQ=", "Q===", "QQ==\n", " QQ==", "-_==", "QQ==QQ==", "QUJD!", "\u00e9"])
def test_bad_base64_is_refused_and_never_echoed(text: str) -> None:
    error = refusal_of("Encrypt", json.dumps({"KeyId": "k", "Plaintext": text}).encode())

    assert (error.code, error.message) == ("SerializationException", None)


def test_the_first_wrong_value_in_the_document_is_the_one_that_is_named() -> None:
    error = refusal_of("Encrypt", b'{"DryRun": 1, "KeyId": 2}')

    assert error.message == "NUMBER_VALUE can not be converted to a Boolean"


def test_a_wrong_type_is_named_before_any_violated_constraint() -> None:
    error = refusal_of("GenerateDataKey", b'{"NumberOfBytes": 0, "GrantTokens": "x"}')

    assert (error.code, error.message) == ("SerializationException", "Expected list or null")


@pytest.mark.parametrize(
    ("body", "decoded"),
    [
        (b"{}", {}),
        (b'{"Limit": null, "Marker": null}', {}),
        (b'{"Limit": 5, "Foo": {"a": [1]}, "limit": "x"}', {"Limit": 5}),
        (b'{"Limit": 5.0}', {"Limit": 5}),
        (b'{"Limit": 5.9}', {"Limit": 5}),
        (b'{"Limit": null, "Limit": 7}', {"Limit": 7}),
        (b'{"Limit": "x", "Limit": 7}', {"Limit": 7}),
        (b' \t\r\n{"Marker": "\\u00e9\\n"} ', None),
    ],
)
def test_nulls_and_unknown_members_are_left_out_and_fractions_dropped(
    body: bytes, decoded: dict[str, object] | None
) -> None:
    if decoded is None:
        assert refusal_of("ListKeys", body).code == "ValidationException"
    else:
        assert kms().decode_input("ListKeys", body) == decoded


def test_nulls_within_a_list_are_left_out() -> None:
    body = b'{"KeyId": "k", "GrantTokens": [null, "a", null]}'

    assert kms().decode_input("DescribeKey", body) == {"KeyId": "k", "GrantTokens": ["a"]}


def test_blobs_arrive_as_bytes_and_times_as_unix_seconds() -> None:
    body = b'{"KeyId": "k", "ImportToken": "AAE=", "EncryptedKeyMaterial": "Ag==", "ValidTo": 1893456000}'

    decoded = kms().decode_input("ImportKeyMaterial", body)

    assert decoded == {"KeyId": "k", "ImportToken": b"\0\1", "EncryptedKeyMaterial": b"\2", "ValidTo": 1893456000.0}
    assert isinstance(decoded["ValidTo"], float)


def test_a_time_is_a_float_on_the_exact_way_too() -> None:
    body = b'{"KeyId": "k", "ImportToken": "AAE=", "EncryptedKeyMaterial": "Ag==", "ValidTo": 1, "ImportType": null}'

    assert isinstance(kms().decode_input("ImportKeyMaterial", body)["ValidTo"], float)


@pytest.mark.parametrize("seconds", ["253402300800", "-62135596801", "1e300"])
def test_a_time_that_no_calendar_has_is_refused_though_all_else_is_right(seconds: str) -> None:
    body = b'{"KeyId": "k", "ImportToken": "AAE=", "EncryptedKeyMaterial": "Ag==", "ValidTo": %b}' % seconds.encode()

    assert refusal_of("ImportKeyMaterial", body).code == "SerializationException"
