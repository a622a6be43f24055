from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import botocore.loaders
import botocore.model
import botocore.parsers
import botocore.serialize
import pytest

from hyok.awsjson.sts_query import (
    CallerIdentity,
    StsError,
    StsFailure,
    encode_caller_identity,
    encode_sts_error,
    require_get_caller_identity,
)

REQUEST = b"Action=GetCallerIdentity&Version=2011-06-15"


def get_caller_identity() -> Any:
    """Return the operation as botocore models it."""
    model = botocore.loaders.Loader().load_service_model("sts", "service-2")
    return botocore.model.ServiceModel(model, "sts").operation_model("GetCallerIdentity")


def parse(status: int, body: bytes) -> Any:
    response = {"status_code": status, "headers": {}, "body": body}
    return botocore.parsers.create_parser("query").parse(response, get_caller_identity().output_shape)


def refusal_of(body: bytes) -> StsError:
    with pytest.raises(StsError) as caught:
        require_get_caller_identity(body)
    return caught.value


@pytest.mark.parametrize(
    "body",
    [
        REQUEST,
        b"Version=2011-06-15&Action=GetCallerIdentity",
        REQUEST + b"&",
        b"Action=Get%43allerIdentity&Version=2011-06-15&Other=",
    ],
)
def test_get_caller_identity_is_recognised(body: bytes) -> None:
    require_get_caller_identity(body)


def test_botocores_own_request_is_recognised() -> None:
    request = botocore.serialize.create_serializer("query").serialize_to_request({}, get_caller_identity())

    require_get_caller_identity(urlencode(request["body"]).encode())


def test_botocore_reads_the_answer() -> None:
    identity = CallerIdentity("123456789012", "arn:aws:iam::123456789012:user/a&b<c>", "AIDA<1>")

    parsed = parse(200, encode_caller_identity(identity, request_id="r-1"))

    assert parsed["Account"] == identity.account
    assert parsed["Arn"] == identity.arn
    assert parsed["UserId"] == identity.user_id
    assert parsed["ResponseMetadata"]["RequestId"] == "r-1"


@pytest.mark.parametrize(
    ("body", "failure", "message"),
    [
        (
            b"Action=AssumeRole&Version=2011-06-15",
            StsFailure.INVALID_ACTION,
            "Could not find operation AssumeRole for version 2011-06-15",
        ),
        (
            b"Action=GetCallerIdentity",
            StsFailure.INVALID_ACTION,
            "Could not find operation GetCallerIdentity for version NO_VERSION_SPECIFIED",
        ),
        (
            b"Action=GetCallerIdentity&Version=2014-11-01",
            StsFailure.INVALID_ACTION,
            "Could not find operation GetCallerIdentity for version 2014-11-01",
        ),
        (
            b"Action=%00%1b%e2%98%83" + b"a" * 100 + b"&Version=1",
            StsFailure.INVALID_ACTION,
            "Could not find operation ???" + "a" * 61 + " for version 1",
        ),
        (b"", StsFailure.MISSING_ACTION, "The request is missing an action or a required parameter."),
        (b"Version=2011-06-15", StsFailure.MISSING_ACTION, "The request is missing an action or a required parameter."),
        (b"\xff", StsFailure.MALFORMED_QUERY_STRING, "The query string contains a syntax error."),
        (b"Action=%ff", StsFailure.MALFORMED_QUERY_STRING, "The query string contains a syntax error."),
        (b"a=1&" * 101, StsFailure.MALFORMED_QUERY_STRING, "The query string contains a syntax error."),
    ],
)
def test_every_other_request_is_refused(body: bytes, failure: StsFailure, message: str) -> None:
    error = refusal_of(body)

    assert (error.failure, error.message) == (failure, message)


@pytest.mark.parametrize("failure", StsFailure)
def test_botocore_reads_every_error(failure: StsFailure) -> None:
    status, body = encode_sts_error(StsError(failure, "a < b & c"), request_id="r-2")

    parsed = parse(status, body)

    assert status == failure.status
    assert parsed["Error"]["Code"] == failure.code
    assert parsed["Error"]["Message"] == "a < b & c"
    assert parsed["Error"]["Type"] == ("Receiver" if status >= 500 else "Sender")
    assert parsed["ResponseMetadata"]["RequestId"] == "r-2"
