from __future__ import annotations

import json
from pathlib import Path

import pytest

from hyok.awsjson.errors import AwsError
from hyok.awsjson.service import load_service_model
from hyok.kms.external_failures import (
    CONSEQUENCES,
    ExternalFailure,
    connection_error_code,
    failure_of,
    for_create_key,
    for_create_or_update,
    for_crypto,
)
from hyok.xks.errors import XksErrorName
from hyok.xks_client import Unreachable, XksClientError, XksMalformed, XksRefused, XksUnreachable

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "kms-external-failures.json").read_text())
ROWS = {row["failure"]: row for row in VECTORS["rows"]}
UNINTERPRETABLE = ROWS["UNINTERPRETABLE"]["message"]


def answer(error: AwsError) -> tuple[str, str | None]:
    return error.code, error.message


def test_the_table_has_a_row_for_every_failure() -> None:
    assert set(ROWS) == set(ExternalFailure.__members__)
    assert set(CONSEQUENCES) == set(ExternalFailure)


@pytest.mark.parametrize("failure", list(ExternalFailure), ids=lambda failure: failure.name)
def test_creating_and_updating_a_store_answer_as_the_table_says(failure: ExternalFailure) -> None:
    row = ROWS[failure.name]
    foreseen = (row["create_or_update"], row["message"])
    unforeseen = ("XksProxyInvalidResponseException", UNINTERPRETABLE)
    assert answer(for_create_or_update(failure)) == (foreseen if row["create_or_update"] else unforeseen)


@pytest.mark.parametrize("failure", list(ExternalFailure), ids=lambda failure: failure.name)
def test_creating_a_key_answers_as_the_table_says(failure: ExternalFailure) -> None:
    row = ROWS[failure.name]
    foreseen = (row["create_key"], row["message"])
    unforeseen = ("CustomKeyStoreInvalidStateException", UNINTERPRETABLE)
    assert answer(for_create_key(failure)) == (foreseen if row["create_key"] else unforeseen)


@pytest.mark.parametrize("failure", list(ExternalFailure), ids=lambda failure: failure.name)
def test_cryptographic_operations_answer_as_the_table_says(failure: ExternalFailure) -> None:
    assert answer(for_crypto(failure)) == ("KMSInvalidStateException", ROWS[failure.name]["message"])


@pytest.mark.parametrize("failure", list(ExternalFailure), ids=lambda failure: failure.name)
def test_connecting_a_store_leaves_the_code_that_the_table_says(failure: ExternalFailure) -> None:
    foreseen = ROWS[failure.name]["connection_error_code"]
    assert connection_error_code(failure).value == (foreseen or "XKS_PROXY_INVALID_RESPONSE")


REFUSALS = {
    "ValidationException": "UNINTERPRETABLE",
    "InvalidStateException": "KEY_NOT_ENABLED",
    "InvalidCiphertextException": "CIPHERTEXT_REJECTED",
    "InvalidKeyUsageException": "KEY_USAGE_NOT_PERMITTED",
    "AuthenticationFailedException": "NOT_AUTHENTICATED",
    "AccessDeniedException": "ACCESS_DENIED",
    "KeyNotFoundException": "KEY_NOT_FOUND",
    "InvalidUriPathException": "INVALID_URI_PATH",
    "ThrottlingException": "THROTTLED",
    "UnsupportedOperationException": "UNSUPPORTED",
    "DependencyTimeoutException": "DEPENDENCY_TIMED_OUT",
    "InternalException": "INTERNAL",
}


@pytest.mark.parametrize("name", list(XksErrorName), ids=lambda name: name.value)
def test_every_error_of_the_proxy_is_a_failure_of_its_own(name: XksErrorName) -> None:
    assert failure_of(XksRefused(name, status=name.status)).name == REFUSALS[name.value]


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (XksUnreachable(Unreachable.NO_CONNECTION, "refused"), ExternalFailure.NO_CONNECTION),
        (XksUnreachable(Unreachable.NO_NETWORK, "no route"), ExternalFailure.NO_NETWORK),
        (XksUnreachable(Unreachable.NO_TLS, "expired"), ExternalFailure.NO_TLS),
        (XksUnreachable(Unreachable.TIMED_OUT, "250 ms"), ExternalFailure.TIMED_OUT),
        (XksMalformed("no JSON"), ExternalFailure.UNINTERPRETABLE),
    ],
    ids=["no connection", "no network", "no TLS", "timed out", "malformed"],
)
def test_every_other_error_of_the_client_has_its_failure(error: XksClientError, failure: ExternalFailure) -> None:
    assert failure_of(error) is failure


def test_every_code_is_one_that_clients_of_aws_kms_know() -> None:
    model = load_service_model()
    for failure in ExternalFailure:
        for error in (for_create_or_update(failure), for_create_key(failure), for_crypto(failure)):
            assert model.encode_error(error)[0] == 400
