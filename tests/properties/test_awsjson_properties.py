"""What holds of every operation of AWS KMS, for generated requests and answers."""

from __future__ import annotations

import json
from typing import Any

import botocore.parsers
import botocore.serialize
import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hyok.awsjson.errors import AwsError
from hyok.awsjson.sts_query import StsError, require_get_caller_identity
from tests.unit.awsjson.strategies import values_of
from tests.unit.awsjson.support import botocore_service, kms, operation_names, published_model

FEW = settings(derandomize=True, max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
MANY = settings(derandomize=True, max_examples=300, deadline=None)
OPERATIONS = published_model()["operations"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("operation", operation_names())
@FEW
@given(drawn=st.data())
def test_a_valid_request_decodes_to_the_values_it_was_made_of_on_both_ways(
    operation: str, drawn: st.DataObject
) -> None:
    request = drawn.draw(values_of(OPERATIONS[operation]["input"]["shape"]))

    _assert_taken_on_both_ways(operation, request)


@pytest.mark.parametrize("operation", operation_names())
@FEW
@given(drawn=st.data())
def test_what_botocore_sends_we_read_as_it_was_meant(operation: str, drawn: st.DataObject) -> None:
    request = drawn.draw(values_of(OPERATIONS[operation]["input"]["shape"]))
    serializer = botocore.serialize.create_serializer("json")

    sent = serializer.serialize_to_request(request, botocore_service().operation_model(operation))

    assert kms().operation_of(sent["headers"]["X-Amz-Target"].encode()) == operation
    assert kms().decode_input(operation, sent["body"]) == request


@pytest.mark.parametrize("operation", operation_names())
@FEW
@given(drawn=st.data())
def test_what_we_answer_botocore_reads_as_it_was_meant(operation: str, drawn: st.DataObject) -> None:
    shape = OPERATIONS[operation].get("output")
    answer = drawn.draw(values_of(shape["shape"])) if shape else {}
    response = {"status_code": 200, "headers": {}, "body": kms().encode_output(operation, answer)}

    parsed = botocore.parsers.create_parser("json").parse(
        response, botocore_service().operation_model(operation).output_shape
    )

    del parsed["ResponseMetadata"]
    assert _with_unix_seconds(parsed) == answer


@MANY
@given(operation=st.sampled_from(operation_names()), document=JSON)
def test_any_json_is_decoded_or_refused_with_one_of_two_errors(operation: str, document: object) -> None:
    _decode_or_refuse(operation, json.dumps(document).encode())


@MANY
@given(drawn=st.data(), operation=st.sampled_from(operation_names()))
def test_any_value_in_any_member_is_decoded_or_refused_with_one_of_two_errors(
    drawn: st.DataObject, operation: str
) -> None:
    shape = published_model()["shapes"][OPERATIONS[operation]["input"]["shape"]]
    request = drawn.draw(values_of(OPERATIONS[operation]["input"]["shape"]))
    member = drawn.draw(st.sampled_from(sorted(shape["members"])))
    spoilt = {**json.loads(msgspec.json.encode(request)), member: drawn.draw(JSON)}

    _decode_or_refuse(operation, json.dumps(spoilt).encode())


@MANY
@given(body=st.binary(max_size=200))
@example(b"Action=GetCallerIdentity&Version=2011-06-15")
@example(b"Action=%")
def test_any_query_is_get_caller_identity_or_refused(body: bytes) -> None:
    try:
        require_get_caller_identity(body)
    except StsError:
        return
    assert b"Action=" in body


def _decode_or_refuse(operation: str, body: bytes) -> None:
    refusal = None
    try:
        decoded = kms().decode_input(operation, body)
    except AwsError as error:
        refusal = error
    if refusal is None:
        _assert_taken_on_both_ways(operation, decoded)
    else:
        assert refusal.code in {"SerializationException", "ValidationException"}
        status, answer = kms().encode_error(refusal)
        assert status == 400
        assert json.loads(answer)["__type"] == refusal.code


def _assert_taken_on_both_ways(operation: str, request: dict[str, Any]) -> None:
    body = msgspec.json.encode(request)
    assert kms().decode_input(operation, body) == request
    # A null takes the exact way; the member's second, real value then counts.
    for member in list(request)[:1]:
        nulled = b'{"%b":null,%b' % (member.encode(), body[1:])
        assert kms().decode_input(operation, nulled) == request


def _with_unix_seconds(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _with_unix_seconds(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_with_unix_seconds(member) for member in value]
    return value.timestamp() if hasattr(value, "timestamp") else value
