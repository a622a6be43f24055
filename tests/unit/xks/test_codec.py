from __future__ import annotations

import base64
import json
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from hyok.xks import codec
from hyok.xks.codec import MalformedAnswer
from hyok.xks.errors import XksError, XksErrorName, encode_error
from hyok.xks.messages import (
    DecryptRequest,
    DecryptResponse,
    EkmFleetDetail,
    EkmHealthStatus,
    EncryptRequest,
    EncryptResponse,
    GetHealthStatusRequest,
    GetHealthStatusResponse,
    GetKeyMetadataRequest,
    GetKeyMetadataResponse,
    KeyStatus,
    RequestMetadata,
)

Json = dict[str, Any]
Decode = Callable[[bytes], object]

SAMPLE = Path(__file__).parents[2] / "vectors" / "aws-sample-proxy.json"
METADATA: Json = {
    "awsPrincipalArn": "arn:aws:iam::123456789012:user/Alice",
    "kmsKeyArn": "arn:aws:kms:us-east-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "kmsOperation": "Encrypt",
    "kmsRequestId": "4112f4d6-db54-4af4-ae30-c55a22a8dfae",
    "kmsViaService": "ebs.us-east-2.amazonaws.com",
}
READ_METADATA = RequestMetadata(
    kms_operation="Encrypt",
    kms_request_id="4112f4d6-db54-4af4-ae30-c55a22a8dfae",
    aws_principal_arn="arn:aws:iam::123456789012:user/Alice",
    kms_key_arn="arn:aws:kms:us-east-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    kms_via_service="ebs.us-east-2.amazonaws.com",
)


def b64(value: bytes) -> str:
    return base64.b64encode(value).decode()


GET_KEY_METADATA: Json = {"requestMetadata": METADATA}
ENCRYPT: Json = {
    "requestMetadata": METADATA,
    "plaintext": b64(b"plaintext"),
    "encryptionAlgorithm": "AES_GCM",
    "additionalAuthenticatedData": b64(b"project=nile"),
    "ciphertextDataIntegrityValueAlgorithm": "SHA_256",
}
DECRYPT: Json = {
    "requestMetadata": METADATA,
    "ciphertext": b64(b"ciphertext"),
    "initializationVector": b64(b"i" * 12),
    "authenticationTag": b64(b"t" * 16),
    "encryptionAlgorithm": "AES_GCM",
    "ciphertextMetadata": b64(b"\x01\x00\x00\x00\x01"),
    "additionalAuthenticatedData": b64(b"project=nile"),
}
HEALTH: Json = {"requestMetadata": {"kmsOperation": "KmsHealthCheck", "kmsRequestId": "id"}}

REQUESTS: dict[str, tuple[Decode, Json]] = {
    "GetKeyMetadata": (codec.decode_get_key_metadata_request, GET_KEY_METADATA),
    "Encrypt": (codec.decode_encrypt_request, ENCRYPT),
    "Decrypt": (codec.decode_decrypt_request, DECRYPT),
    "GetHealthStatus": (codec.decode_get_health_status_request, HEALTH),
}
each_request = pytest.mark.parametrize(("decode", "request_json"), REQUESTS.values(), ids=REQUESTS.keys())

ENCRYPT_ANSWER: Json = {
    "ciphertext": b64(b"ciphertext"),
    "initializationVector": b64(b"i" * 12),
    "authenticationTag": b64(b"t" * 16),
    "ciphertextMetadata": b64(b"v1"),
    "ciphertextDataIntegrityValue": b64(b"c" * 32),
}
KEY_METADATA_ANSWER: Json = {"keySpec": "AES_256", "keyUsage": ["ENCRYPT", "DECRYPT", "WRAP"], "keyStatus": "ENABLED"}
HEALTH_ANSWER: Json = {
    "xksProxyFleetSize": 2,
    "xksProxyVendor": "hyok",
    "xksProxyModel": "hyok 0.1.0",
    "ekmVendor": "hyok",
    "ekmFleetDetails": [{"id": "1", "model": "m", "healthStatus": "DEGRADED"}],
}


def write(message: object) -> bytes:
    return json.dumps(message).encode()


def refusal_of(decode: Decode, body: bytes) -> XksError:
    with pytest.raises(XksError) as raised:
        decode(body)
    return raised.value


def fault_of(decode: Decode, body: bytes) -> str:
    """Return the message of a ValidationException."""
    error = refusal_of(decode, body)
    assert error.name is XksErrorName.VALIDATION
    return error.message


# Requests: what is there.


def test_an_encrypt_request_is_read_whole() -> None:
    assert codec.decode_encrypt_request(write(ENCRYPT)) == EncryptRequest(
        READ_METADATA, b"plaintext", "AES_GCM", b"project=nile", "SHA_256"
    )


def test_a_decrypt_request_is_read_whole() -> None:
    assert codec.decode_decrypt_request(write(DECRYPT)) == DecryptRequest(
        READ_METADATA, b"ciphertext", b"i" * 12, b"t" * 16, "AES_GCM", b"\x01\x00\x00\x00\x01", b"project=nile"
    )


def test_the_other_requests_are_read_whole() -> None:
    assert codec.decode_get_key_metadata_request(write(GET_KEY_METADATA)) == GetKeyMetadataRequest(READ_METADATA)
    assert codec.decode_get_health_status_request(write(HEALTH)) == GetHealthStatusRequest(
        RequestMetadata(kms_operation="KmsHealthCheck", kms_request_id="id")
    )


def test_what_is_optional_may_be_absent() -> None:
    metadata = {name: METADATA[name] for name in ("awsPrincipalArn", "kmsKeyArn", "kmsOperation", "kmsRequestId")}
    encrypt = codec.decode_encrypt_request(
        write({"requestMetadata": metadata, "plaintext": "", "encryptionAlgorithm": "AES_GCM"})
    )
    assert encrypt.additional_authenticated_data == b""
    assert encrypt.ciphertext_data_integrity_value_algorithm is None
    assert encrypt.request_metadata.kms_via_service == ""
    required = {
        name: value
        for name, value in DECRYPT.items()
        if name not in ("ciphertextMetadata", "additionalAuthenticatedData")
    }
    assert codec.decode_decrypt_request(write(required)).ciphertext_metadata == b""
    key_metadata = codec.decode_get_key_metadata_request(
        write({"requestMetadata": {name: value for name, value in metadata.items() if name != "kmsKeyArn"}})
    )
    assert key_metadata.request_metadata.kms_key_arn == ""


@each_request
def test_unknown_fields_are_ignored(decode: Decode, request_json: Json) -> None:
    extra = {"future": {"deep": [1, None, "\u00e9"]}}
    more = {**request_json, **extra, "requestMetadata": {**request_json["requestMetadata"], **extra}}
    assert decode(write(more)) == decode(write(request_json))


@each_request
def test_any_kms_operation_is_taken(decode: Decode, request_json: Json) -> None:
    metadata = {**request_json["requestMetadata"], "kmsOperation": "SomethingOf2031"}
    decode(write({**request_json, "requestMetadata": metadata}))


@each_request
def test_null_counts_as_absent(decode: Decode, request_json: Json) -> None:
    metadata = {**request_json["requestMetadata"], "awsSourceVpc": None, "future": None}
    assert decode(write({**request_json, "requestMetadata": metadata, "future": None})) == decode(write(request_json))


def test_null_is_no_plaintext() -> None:
    assert fault_of(codec.decode_encrypt_request, write({**ENCRYPT, "plaintext": None})) == "plaintext is missing"
    absent = codec.decode_encrypt_request(write({**ENCRYPT, "additionalAuthenticatedData": None}))
    assert absent.additional_authenticated_data == b""


def test_escapes_in_base64_are_read_as_json_has_them() -> None:
    body = write({**ENCRYPT, "plaintext": "?"}).replace(b'"?"', b'"QUE\\u003d"')
    assert codec.decode_encrypt_request(body).plaintext == b"AA"


def test_of_a_repeated_member_the_last_counts() -> None:
    body = write(ENCRYPT).replace(b'"plaintext":', b'"plaintext": "QQ==", "plaintext":')
    assert codec.decode_encrypt_request(body).plaintext == b"plaintext"
    body = write(ENCRYPT).replace(
        b'"requestMetadata": {', b'"requestMetadata": 1, "requestMetadata": {"x": 1, "x": 2, '
    )
    assert codec.decode_encrypt_request(body).request_metadata == READ_METADATA
    assert codec.extra_metadata(body) == {"x": 2}


# Requests: what is missing or malformed.

REQUIRED: dict[str, tuple[str, ...]] = {
    "GetKeyMetadata": (
        "requestMetadata",
        "requestMetadata.awsPrincipalArn",
        "requestMetadata.kmsOperation",
        "requestMetadata.kmsRequestId",
    ),
    "Encrypt": (
        "requestMetadata",
        "requestMetadata.awsPrincipalArn",
        "requestMetadata.kmsOperation",
        "requestMetadata.kmsRequestId",
        "requestMetadata.kmsKeyArn",
        "plaintext",
        "encryptionAlgorithm",
    ),
    "Decrypt": (
        "requestMetadata",
        "requestMetadata.awsPrincipalArn",
        "requestMetadata.kmsOperation",
        "requestMetadata.kmsRequestId",
        "requestMetadata.kmsKeyArn",
        "ciphertext",
        "initializationVector",
        "authenticationTag",
        "encryptionAlgorithm",
    ),
    "GetHealthStatus": ("requestMetadata", "requestMetadata.kmsOperation", "requestMetadata.kmsRequestId"),
}


@pytest.mark.parametrize(
    ("operation", "field"), [(operation, field) for operation, fields in REQUIRED.items() for field in fields]
)
def test_a_required_field_must_be_there(operation: str, field: str) -> None:
    decode, request_json = REQUESTS[operation]
    changed = json.loads(json.dumps(request_json))
    parent, _, name = field.rpartition(".")
    del (changed[parent] if parent else changed)[name]
    assert fault_of(decode, write(changed)) == f"{field} is missing"


@each_request
def test_every_field_but_the_required_ones_may_be_missing(decode: Decode, request_json: Json) -> None:
    operation = next(name for name, (candidate, _) in REQUESTS.items() if candidate is decode)
    names = [*request_json, *(f"requestMetadata.{name}" for name in request_json["requestMetadata"])]
    for field in set(names) - set(REQUIRED[operation]):
        changed = json.loads(json.dumps(request_json))
        parent, _, name = field.rpartition(".")
        del (changed[parent] if parent else changed)[name]
        decode(write(changed))


@each_request
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"nonsense", b"{}{}", b'{"a": "\xff"}', b'{"a": "\\ud800"}', b'{"a": NaN}', b"[" * 5000],
    ids=["empty", "cut", "no JSON", "two", "no UTF-8", "half a surrogate", "NaN", "deep"],
)
def test_what_is_no_json_is_refused(decode: Decode, request_json: Json, body: bytes) -> None:
    assert fault_of(decode, body) == "the body is not readable JSON"


@each_request
def test_broken_utf8_in_an_unknown_field_is_refused(decode: Decode, request_json: Json) -> None:
    body = write({**request_json, "future": "?"}).replace(b"?", b"\xff")
    assert fault_of(decode, body) == "the body is not readable JSON"


@each_request
@pytest.mark.parametrize("body", [b"null", b"1", b'"text"', b"[]"])
def test_what_is_no_object_is_refused(decode: Decode, request_json: Json, body: bytes) -> None:
    assert fault_of(decode, body) == "the body must be a JSON object"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"requestMetadata": "x"}, "requestMetadata must be a JSON object"),
        ({"requestMetadata": {**METADATA, "kmsRequestId": 5}}, "requestMetadata.kmsRequestId must be a string"),
        (
            {"requestMetadata": {**METADATA, "awsPrincipalArn": "a" * 2049}},
            "requestMetadata.awsPrincipalArn must be a string of at most 2048 characters",
        ),
        (
            {"requestMetadata": {**METADATA, "kmsKeyArn": "a" * 2049}},
            "requestMetadata.kmsKeyArn must be a string of at most 2048 characters",
        ),
        ({"requestMetadata": {**METADATA, "kmsKeyArn": ""}}, "requestMetadata.kmsKeyArn is missing"),
        ({"plaintext": 7}, "plaintext must be Base64 of the standard alphabet, padded"),
        ({"plaintext": "QQ"}, "plaintext must be Base64 of the standard alphabet, padded"),
        ({"encryptionAlgorithm": "AES_CBC"}, "encryptionAlgorithm must be AES_GCM"),
        ({"encryptionAlgorithm": 1}, "encryptionAlgorithm must be AES_GCM"),
        (
            {"ciphertextDataIntegrityValueAlgorithm": "SHA_512"},
            "ciphertextDataIntegrityValueAlgorithm must be SHA_256",
        ),
        ({"ciphertextDataIntegrityValueAlgorithm": ""}, "ciphertextDataIntegrityValueAlgorithm must be SHA_256"),
        (
            {"additionalAuthenticatedData": "@"},
            "additionalAuthenticatedData must be Base64 of the standard alphabet, padded",
        ),
    ],
)
def test_a_refusal_names_the_field_and_what_was_expected(change: Json, fault: str) -> None:
    assert fault_of(codec.decode_encrypt_request, write({**ENCRYPT, **change})) == fault


def test_the_longest_arns_are_taken() -> None:
    metadata = {**METADATA, "awsPrincipalArn": "\u00e9" * 2048, "kmsKeyArn": "a" * 2048}
    codec.decode_encrypt_request(write({**ENCRYPT, "requestMetadata": metadata}))


BAD_BASE64 = [
    "Q",
    "QQ",
    "QQ=",
    "Q===",
    "====",
    "QQ==QQ==",
    "QQ== ",
    " QQ==",
    "QQ==\n",
    "QU FB",
    "-_==",
    "\u00e9A==",
    "QR==",
    "Qf==",
    "QUF=",
    "QUB=",
]


@pytest.mark.parametrize("text", BAD_BASE64)
@pytest.mark.parametrize("field", ["plaintext", "additionalAuthenticatedData"])
def test_base64_must_be_canonical_in_encrypt(field: str, text: str) -> None:
    message = fault_of(codec.decode_encrypt_request, write({**ENCRYPT, field: text}))
    assert message == f"{field} must be Base64 of the standard alphabet, padded"


@pytest.mark.parametrize("text", BAD_BASE64)
@pytest.mark.parametrize(
    "field",
    [
        "ciphertext",
        "initializationVector",
        "authenticationTag",
        "ciphertextMetadata",
        "additionalAuthenticatedData",
    ],
)
def test_base64_must_be_canonical_in_decrypt(field: str, text: str) -> None:
    message = fault_of(codec.decode_decrypt_request, write({**DECRYPT, field: text}))
    assert message == f"{field} must be Base64 of the standard alphabet, padded"


def test_stray_bits_are_seen_behind_nulls_and_decoys() -> None:
    decoy = {**ENCRYPT, "plaintext": "QR==", "x": {"plaintext": "QQ=="}}
    assert fault_of(codec.decode_encrypt_request, write(decoy)).startswith("plaintext must be Base64")
    null = {**ENCRYPT, "plaintext": "QR==", "additionalAuthenticatedData": None}
    assert fault_of(codec.decode_encrypt_request, write(null)).startswith("plaintext must be Base64")
    escaped = write({**ENCRYPT, "plaintext": "?"}).replace(b'"?"', b'"QR\\u003d\\u003d"')
    assert fault_of(codec.decode_encrypt_request, escaped).startswith("plaintext must be Base64")


def test_what_only_looks_like_stray_bits_is_taken() -> None:
    elsewhere = {**ENCRYPT, "plaintext": "QQ==", "x": "QR==", "y": "=", "z": "\\="}
    assert codec.decode_encrypt_request(write(elsewhere)).plaintext == b"A"


# Requests: sizes.


@pytest.mark.parametrize("length", [0, 1, 4300, 8192])
def test_a_plaintext_of_up_to_8192_bytes_is_taken(length: int) -> None:
    assert codec.decode_encrypt_request(write({**ENCRYPT, "plaintext": b64(bytes(length))})).plaintext == bytes(length)
    decrypt = codec.decode_decrypt_request(write({**DECRYPT, "ciphertext": b64(bytes(length))}))
    assert decrypt.ciphertext == bytes(length)


def test_aad_of_8192_bytes_is_taken() -> None:
    change = {"additionalAuthenticatedData": b64(bytes(8192))}
    assert len(codec.decode_encrypt_request(write({**ENCRYPT, **change})).additional_authenticated_data) == 8192
    assert len(codec.decode_decrypt_request(write({**DECRYPT, **change})).additional_authenticated_data) == 8192


@pytest.mark.parametrize(
    ("decode", "request_json", "field"),
    [
        (codec.decode_encrypt_request, ENCRYPT, "plaintext"),
        (codec.decode_encrypt_request, ENCRYPT, "additionalAuthenticatedData"),
        (codec.decode_decrypt_request, DECRYPT, "ciphertext"),
        (codec.decode_decrypt_request, DECRYPT, "additionalAuthenticatedData"),
    ],
)
def test_what_is_larger_than_this_proxy_supports_is_unsupported(decode: Decode, request_json: Json, field: str) -> None:
    error = refusal_of(decode, write({**request_json, field: b64(bytes(8193))}))
    assert error.name is XksErrorName.UNSUPPORTED_OPERATION
    assert error.message == f"{field} has 8193 bytes, this proxy supports at most 8192"


@pytest.mark.parametrize("length", [12, 16])
def test_an_iv_has_12_or_16_bytes(length: int) -> None:
    codec.decode_decrypt_request(write({**DECRYPT, "initializationVector": b64(bytes(length))}))


@pytest.mark.parametrize("length", [0, 5, 20])
def test_ciphertext_metadata_has_up_to_20_bytes(length: int) -> None:
    codec.decode_decrypt_request(write({**DECRYPT, "ciphertextMetadata": b64(bytes(length))}))


@pytest.mark.parametrize(
    ("field", "length"),
    [
        ("initializationVector", 0),
        ("initializationVector", 11),
        ("initializationVector", 13),
        ("initializationVector", 17),
        ("authenticationTag", 0),
        ("authenticationTag", 15),
        ("authenticationTag", 17),
        ("ciphertextMetadata", 21),
    ],
)
def test_a_part_of_a_size_that_encrypt_never_answers_is_a_corrupted_ciphertext(field: str, length: int) -> None:
    error = refusal_of(codec.decode_decrypt_request, write({**DECRYPT, field: b64(bytes(length))}))
    assert error.name is XksErrorName.INVALID_CIPHERTEXT
    assert error.message.startswith(f"{field} has {length} bytes")


# Unknown metadata.


def test_unknown_metadata_is_kept_for_policy_and_audit() -> None:
    extra = {"sourceIdentity": "Bob", "tags": {"a": [1, 2.5, None, True]}, "number": 10**30}
    body = write({**ENCRYPT, "requestMetadata": {**METADATA, **extra}})
    assert codec.extra_metadata(body) == extra
    assert codec.extra_metadata(write(ENCRYPT)) == {}


def test_a_number_that_nothing_can_hold_is_kept_as_text() -> None:
    body = write({**HEALTH, "requestMetadata": {**HEALTH["requestMetadata"], "n": 0}}).replace(b'"n": 0', b'"n": 1e999')
    codec.decode_get_health_status_request(body)
    assert codec.extra_metadata(body) == {"n": "1e999"}


# Secrets.


@each_request
def test_no_refusal_quotes_a_value(decode: Decode, request_json: Json) -> None:
    canary = "Q0FOQVJZ"
    for name in request_json:
        for value in (canary + "!", [canary], {"a": canary}, 1234567):
            with pytest.raises(XksError) as raised:
                decode(write({**request_json, name: value}))
            shown = "".join(traceback.format_exception(raised.value))
            assert canary not in shown
            assert "1234567" not in shown.replace("123456789012", "")


# Answers.


def test_answers_are_written_with_the_specifications_names() -> None:
    encrypted = EncryptResponse(b"ciphertext", b"i" * 12, b"t" * 16, b"v1", b"c" * 32)
    assert json.loads(codec.encode_encrypt_response(encrypted)) == ENCRYPT_ANSWER
    assert json.loads(codec.encode_decrypt_response(DecryptResponse(b"plaintext"))) == {"plaintext": b64(b"plaintext")}
    described = GetKeyMetadataResponse("AES_256", ("ENCRYPT", "DECRYPT", "WRAP"), KeyStatus.ENABLED)
    assert json.loads(codec.encode_get_key_metadata_response(described)) == KEY_METADATA_ANSWER
    health = GetHealthStatusResponse(
        2, "hyok", "hyok 0.1.0", "hyok", (EkmFleetDetail("1", "m", EkmHealthStatus.DEGRADED),)
    )
    assert json.loads(codec.encode_get_health_status_response(health)) == HEALTH_ANSWER


def test_an_answer_is_written_without_what_it_has_not() -> None:
    written = json.loads(codec.encode_encrypt_response(EncryptResponse(b"", b"i" * 16, b"t" * 16)))
    assert written == {"ciphertext": "", "initializationVector": b64(b"i" * 16), "authenticationTag": b64(b"t" * 16)}


@pytest.mark.parametrize(
    ("encode", "decode", "message"),
    [
        (codec.encode_encrypt_request, codec.decode_encrypt_request, codec.decode_encrypt_request(write(ENCRYPT))),
        (codec.encode_decrypt_request, codec.decode_decrypt_request, codec.decode_decrypt_request(write(DECRYPT))),
        (
            codec.encode_get_key_metadata_request,
            codec.decode_get_key_metadata_request,
            GetKeyMetadataRequest(READ_METADATA),
        ),
        (
            codec.encode_get_health_status_request,
            codec.decode_get_health_status_request,
            codec.decode_get_health_status_request(write(HEALTH)),
        ),
        (
            codec.encode_encrypt_response,
            codec.decode_encrypt_response,
            codec.decode_encrypt_response(write(ENCRYPT_ANSWER)),
        ),
        (codec.encode_decrypt_response, codec.decode_decrypt_response, DecryptResponse(b"plaintext")),
        (
            codec.encode_get_key_metadata_response,
            codec.decode_get_key_metadata_response,
            codec.decode_get_key_metadata_response(write(KEY_METADATA_ANSWER)),
        ),
        (
            codec.encode_get_health_status_response,
            codec.decode_get_health_status_response,
            codec.decode_get_health_status_response(write(HEALTH_ANSWER)),
        ),
    ],
)
def test_what_one_end_writes_the_other_reads(
    encode: Callable[[Any], bytes], decode: Callable[[bytes], Struct], message: Struct
) -> None:
    assert decode(encode(message)) == message


@pytest.mark.parametrize("case", json.loads(SAMPLE.read_text())["cases"])
def test_the_answers_of_awss_sample_proxy_are_read(case: Json) -> None:
    request = {**case["encrypt_request"], "requestMetadata": METADATA}
    response = codec.decode_encrypt_response(write(case["encrypt_response"]))
    assert len(response.ciphertext) == len(codec.decode_encrypt_request(write(request)).plaintext)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"ciphertext": None}, "ciphertext is missing"),
        ({"initializationVector": b64(b"i" * 13)}, "initializationVector has 13 bytes instead of 12 or 16"),
        ({"authenticationTag": b64(b"t" * 12)}, "authenticationTag has 12 bytes instead of 16"),
        ({"ciphertextMetadata": b64(b"m" * 21)}, "ciphertextMetadata has 21 bytes, at most 20 are allowed"),
        (
            {"ciphertextDataIntegrityValue": b64(b"c" * 31)},
            "ciphertextDataIntegrityValue has 31 bytes instead of 32",
        ),
        ({"ciphertext": "QR=="}, "ciphertext must be Base64 of the standard alphabet, padded"),
    ],
)
def test_an_encrypt_answer_against_the_specification_is_malformed(change: Json, fault: str) -> None:
    with pytest.raises(MalformedAnswer) as raised:
        codec.decode_encrypt_response(write({**ENCRYPT_ANSWER, **change}))
    assert str(raised.value) == fault


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"keySpec": 256}, "keySpec must be a string"),
        ({"keyUsage": "ENCRYPT"}, "keyUsage must be an array of 0 to 10 members"),
        ({"keyUsage": ["ENCRYPT"] * 11}, "keyUsage must be an array of 0 to 10 members"),
        ({"keyUsage": ["ENCRYPT", 1]}, "keyUsage[1] must be a string"),
        ({"keyStatus": "enabled"}, "keyStatus must be ENABLED or DISABLED"),
    ],
)
def test_key_metadata_against_the_specification_is_malformed(change: Json, fault: str) -> None:
    with pytest.raises(MalformedAnswer) as raised:
        codec.decode_get_key_metadata_response(write({**KEY_METADATA_ANSWER, **change}))
    assert str(raised.value) == fault


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"xksProxyFleetSize": 0}, "xksProxyFleetSize must be an integer above 0"),
        ({"xksProxyFleetSize": True}, "xksProxyFleetSize must be an integer above 0"),
        ({"xksProxyFleetSize": "1"}, "xksProxyFleetSize must be an integer above 0"),
        ({"xksProxyVendor": None}, "xksProxyVendor is missing"),
        ({"ekmFleetDetails": []}, "ekmFleetDetails must be an array of 1 to 10 members"),
        (
            {"ekmFleetDetails": HEALTH_ANSWER["ekmFleetDetails"] * 11},
            "ekmFleetDetails must be an array of 1 to 10 members",
        ),
        ({"ekmFleetDetails": [{"id": "1", "model": "m"}]}, "ekmFleetDetails[0].healthStatus is missing"),
        (
            {"ekmFleetDetails": [{"id": "1", "model": "m", "healthStatus": "Active"}]},
            "ekmFleetDetails[0].healthStatus must be ACTIVE or DEGRADED or UNAVAILABLE",
        ),
    ],
)
def test_a_health_status_against_the_specification_is_malformed(change: Json, fault: str) -> None:
    with pytest.raises(MalformedAnswer) as raised:
        codec.decode_get_health_status_response(write({**HEALTH_ANSWER, **change}))
    assert str(raised.value) == fault


def test_a_decrypt_answer_without_plaintext_is_malformed() -> None:
    with pytest.raises(MalformedAnswer, match="plaintext is missing"):
        codec.decode_decrypt_response(b"{}")
    with pytest.raises(MalformedAnswer, match="the body is not readable JSON"):
        codec.decode_decrypt_response(b"<html>")


# Errors.


@pytest.mark.parametrize("name", XksErrorName)
def test_an_error_is_read_back(name: XksErrorName) -> None:
    error = codec.decode_error(name.status, encode_error(XksError(name, "why")))
    assert error is not None
    assert (error.name, error.message) == (name, "why")


def test_an_error_is_known_by_its_name_under_another_errors_status() -> None:
    error = codec.decode_error(502, encode_error(XksError(XksErrorName.KEY_NOT_FOUND)))
    assert error is not None
    assert error.name is XksErrorName.KEY_NOT_FOUND


@pytest.mark.parametrize(
    "body", [b'{"errorName": "InternalException"}', b'{"errorName": "InternalException", "errorMessage": null}']
)
def test_an_error_may_have_no_message(body: bytes) -> None:
    error = codec.decode_error(500, body)
    assert error is not None
    assert error.message == ""


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b""),
        (502, b"<html>"),
        (500, b"{}"),
        (500, b'{"errorName": "SomethingElse"}'),
        (500, b'{"errorName": 1}'),
        (200, b'{"errorName": "InternalException"}'),
    ],
)
def test_anything_else_is_no_error_of_the_specification(status: int, body: bytes) -> None:
    assert codec.decode_error(status, body) is None
