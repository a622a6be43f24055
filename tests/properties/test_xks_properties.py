"""The XKS proxy API: what one end writes the other reads, and no input breaks a parser or gets past a limit."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyok.xks import codec
from hyok.xks.aad import frame_aad
from hyok.xks.codec import MalformedAnswer
from hyok.xks.errors import XksError, XksErrorName, encode_error
from hyok.xks.integrity import integrity_value
from hyok.xks.messages import DecryptRequest, EncryptRequest, EncryptResponse, RequestMetadata
from hyok.xks.uri import XksOperation, build_path, is_external_key_id, parse_target, validate_uri_path

quickly = settings(max_examples=150, derandomize=True, deadline=None)

texts = st.text(max_size=30)
arns = st.text(min_size=1, max_size=60)
metadata = st.builds(
    RequestMetadata,
    kms_operation=texts,
    kms_request_id=texts,
    aws_principal_arn=arns,
    kms_key_arn=arns,
    aws_source_vpc=texts,
    aws_source_vpce=texts,
    kms_via_service=texts,
)
ivs = st.sampled_from([12, 16]).flatmap(lambda length: st.binary(min_size=length, max_size=length))
tags = st.binary(min_size=16, max_size=16)
encrypt_requests = st.builds(
    EncryptRequest,
    metadata,
    st.binary(max_size=200),
    st.just("AES_GCM"),
    st.binary(max_size=200),
    st.sampled_from([None, "SHA_256"]),
)
decrypt_requests = st.builds(
    DecryptRequest,
    metadata,
    st.binary(max_size=200),
    ivs,
    tags,
    st.just("AES_GCM"),
    st.binary(max_size=20),
    st.binary(max_size=200),
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
key_ids = st.text("abcXYZ019-._", min_size=1, max_size=128)
prefixes = st.just("") | st.text("abcXYZ019/-_", min_size=1, max_size=116).map(lambda rest: "/" + rest)

REQUEST = {
    "requestMetadata": {"awsPrincipalArn": "p", "kmsKeyArn": "k", "kmsOperation": "Encrypt", "kmsRequestId": "r"},
    "plaintext": "",
    "encryptionAlgorithm": "AES_GCM",
}


@quickly
@given(encrypt_requests)
def test_an_encrypt_request_reads_back_as_written(request: EncryptRequest) -> None:
    assert codec.decode_encrypt_request(codec.encode_encrypt_request(request)) == request


@quickly
@given(decrypt_requests)
def test_a_decrypt_request_reads_back_as_written(request: DecryptRequest) -> None:
    assert codec.decode_decrypt_request(codec.encode_decrypt_request(request)) == request


@quickly
@given(st.builds(EncryptResponse, st.binary(max_size=200), ivs, tags, st.binary(max_size=20)))
def test_an_encrypt_answer_reads_back_as_written(response: EncryptResponse) -> None:
    assert codec.decode_encrypt_response(codec.encode_encrypt_response(response)) == response


@quickly
@given(st.text("ABQRgw+/=-_ \n\\\u00e9", max_size=12), st.booleans())
def test_base64_is_taken_exactly_if_it_is_canonical(text: str, with_null: bool) -> None:
    body = json.dumps(
        {**REQUEST, "plaintext": text, **({"additionalAuthenticatedData": None} if with_null else {})}
    ).encode()
    try:
        value = base64.b64decode(text.encode("ascii", "replace"), validate=True)
        is_canonical = base64.b64encode(value).decode() == text
    except ValueError:
        is_canonical = False
    if is_canonical:
        assert codec.decode_encrypt_request(body).plaintext == value
    else:
        with pytest.raises(XksError, match="plaintext must be Base64"):
            codec.decode_encrypt_request(body)


@quickly
@given(st.dictionaries(texts, values, max_size=4), st.dictionaries(texts, values, max_size=4))
def test_unknown_members_change_nothing_and_are_kept(extra: dict[str, object], outside: dict[str, object]) -> None:
    known = REQUEST["requestMetadata"]
    assert isinstance(known, dict)
    body = json.dumps({**outside, **REQUEST, "requestMetadata": {**extra, **known}}).encode()
    plain = codec.decode_encrypt_request(json.dumps(REQUEST).encode())
    assert codec.decode_encrypt_request(body) == plain
    assert codec.extra_metadata(body) == extra


@quickly
@given(values, st.sampled_from(["plaintext", "encryptionAlgorithm", "requestMetadata", "additionalAuthenticatedData"]))
def test_any_value_in_a_field_is_taken_or_a_validation_error_that_names_it(value: object, field: str) -> None:
    body = json.dumps({**REQUEST, field: value}).encode()
    try:
        codec.decode_encrypt_request(body)
    except XksError as error:
        named = (error.name, error.message.split(".")[0].split(" ")[0])
    else:
        named = (XksErrorName.VALIDATION, field)
    assert named == (XksErrorName.VALIDATION, field)


@quickly
@given(st.binary(max_size=200))
def test_no_bytes_break_a_reader(body: bytes) -> None:
    for read_request in (
        codec.decode_get_key_metadata_request,
        codec.decode_encrypt_request,
        codec.decode_decrypt_request,
        codec.decode_get_health_status_request,
    ):
        with pytest.raises(XksError):
            read_request(body)
    for read_answer in (
        codec.decode_get_key_metadata_response,
        codec.decode_encrypt_response,
        codec.decode_decrypt_response,
        codec.decode_get_health_status_response,
    ):
        with pytest.raises(MalformedAnswer):
            read_answer(body)
    assert codec.decode_error(500, body) is None


@quickly
@given(prefixes, key_ids, st.sampled_from(XksOperation))
def test_a_target_that_was_built_parses_back(prefix: str, key_id: str, operation: XksOperation) -> None:
    if prefix == "/":
        return
    validate_uri_path(f"{prefix}/kms/xks/v1")
    target = parse_target(build_path(f"{prefix}/kms/xks/v1", operation, key_id))
    assert (target.prefix, target.operation) == (prefix.encode(), operation)
    assert target.key_id == (b"" if operation is XksOperation.GET_HEALTH_STATUS else key_id.encode())


@quickly
@given(st.binary(max_size=40) | st.text("ab/.-_~?%", max_size=30).map(str.encode))
def test_what_parses_is_built_of_the_allowed_characters(start: bytes) -> None:
    for end in (b"/kms/xks/v1/health", b"/kms/xks/v1/keys/k/encrypt", b"/encrypt", b""):
        target = start + end
        try:
            parsed = parse_target(target)
        except XksError as error:
            assert error.name is XksErrorName.INVALID_URI_PATH  # noqa: PT017  # both outcomes are right, each in its way
            continue
        uri_path = f"{parsed.prefix.decode()}/kms/xks/v1"
        validate_uri_path(uri_path)
        assert build_path(uri_path, parsed.operation, parsed.key_id.decode()) == target
        assert is_external_key_id(parsed.key_id.decode()) is (parsed.operation is not XksOperation.GET_HEALTH_STATUS)


@quickly
@given(st.lists(st.tuples(st.binary(max_size=8), st.binary(max_size=8)), min_size=2, max_size=2, unique=True))
def test_no_two_requests_frame_to_the_same_aad(pair: list[tuple[bytes, bytes]]) -> None:
    assert frame_aad(*pair[0]) != frame_aad(*pair[1])


@quickly
@given(*[st.binary(max_size=40)] * 5)
def test_the_integrity_value_is_the_hash_of_the_parts_in_order(
    a: bytes, m: bytes, i: bytes, c: bytes, t: bytes
) -> None:
    assert integrity_value(a, m, i, c, t) == hashlib.sha256(a + m + i + c + t).digest()


@quickly
@given(st.sampled_from(XksErrorName), st.text(max_size=700))
def test_any_message_leaves_as_short_printable_ascii(name: XksErrorName, message: str) -> None:
    body = encode_error(XksError(name, message))
    written = json.loads(body).get("errorMessage", "")
    assert len(written) < 512
    assert all(" " <= character <= "~" for character in written)
    error = codec.decode_error(name.status, body)
    assert error is not None
    assert (error.name, error.message) == (name, written)
