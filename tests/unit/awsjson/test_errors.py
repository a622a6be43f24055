from __future__ import annotations

import json

import botocore.parsers
import pytest

from hyok.awsjson.errors import UNMODELLED_STATUSES, AwsError
from hyok.errors import HyokError
from tests.unit.awsjson.support import botocore_service, kms, published_model

MODELLED = [name for name, shape in published_model()["shapes"].items() if shape.get("exception")]


def test_an_aws_error_is_one_of_hyoks_errors_and_reads_as_code_and_message() -> None:
    error = AwsError("NotFoundException", "Key 'x' does not exist")

    assert isinstance(error, HyokError)
    assert str(error) == "NotFoundException: Key 'x' does not exist"


def test_a_modelled_error_is_400_with_its_code_and_message() -> None:
    status, body = kms().encode_error(AwsError("NotFoundException", "gone"))

    assert status == 400
    assert json.loads(body) == {"__type": "NotFoundException", "message": "gone"}


@pytest.mark.parametrize("code", ["DependencyTimeoutException", "KMSInternalException", "KeyUnavailableException"])
def test_a_fault_is_500_so_that_sdks_retry(code: str) -> None:
    status, _ = kms().encode_error(AwsError(code, "try again"))

    assert status == 500


@pytest.mark.parametrize(
    "code", ["InvalidCiphertextException", "KMSInvalidMacException", "KMSInvalidSignatureException"]
)
def test_an_error_that_says_nothing_at_aws_says_nothing_here(code: str) -> None:
    _, body = kms().encode_error(AwsError(code, "the tag differs"))

    assert json.loads(body) == {"__type": code}


@pytest.mark.parametrize("code", ["AccessDeniedException", "SerializationException"])
def test_the_front_doors_errors_spell_message_with_a_capital(code: str) -> None:
    _, body = kms().encode_error(AwsError(code, "no"))

    assert json.loads(body) == {"__type": code, "Message": "no"}


def test_an_error_without_a_message_has_no_message_member() -> None:
    _, body = kms().encode_error(AwsError("UnsupportedOperationException"))

    assert json.loads(body) == {"__type": "UnsupportedOperationException"}


def test_an_empty_message_is_still_a_message() -> None:
    _, body = kms().encode_error(AwsError("DisabledException", ""))

    assert json.loads(body) == {"__type": "DisabledException", "message": ""}


@pytest.mark.parametrize("code", ["XksKeyInvalidResponseException", "CreateKeyRequest", "KeyMetadata", ""])
def test_a_code_that_aws_does_not_have_is_a_mistake_of_ours(code: str) -> None:
    with pytest.raises(ValueError, match="AWS KMS has no error"):
        kms().encode_error(AwsError(code, "x"))


@pytest.mark.parametrize("code", MODELLED + sorted(UNMODELLED_STATUSES))
def test_botocore_reads_every_error_with_its_code(code: str) -> None:
    status, body = kms().encode_error(AwsError(code, "what happened"))
    shape = botocore_service().operation_model("Decrypt").output_shape
    response = {"status_code": status, "headers": {}, "body": body}

    parsed = botocore.parsers.create_parser("json").parse(response, shape)

    assert parsed["Error"]["Code"] == code
    assert parsed["Error"]["Message"] in {"what happened", ""}


def test_internal_failures_and_refusals_of_the_transport_have_their_own_status() -> None:
    statuses = {code: kms().encode_error(AwsError(code))[0] for code in UNMODELLED_STATUSES}

    assert {code: status for code, status in statuses.items() if status != 400} == {
        "InternalFailure": 500,
        "RequestEntityTooLargeException": 413,
        "RequestTimeoutException": 408,
        "ServiceUnavailableException": 503,
    }
