"""DryRun, GrantTokens, Recipient, Limit and Marker: in every operation that has them, and never ignored."""

from __future__ import annotations

from typing import Any

import pytest

from hyok.awsjson.errors import AwsError
from tests.unit.awsjson import oracle
from tests.unit.awsjson.support import operation_names
from tests.unit.kms.modelled import errors_of
from tests.unit.kms.requests import least_request
from tests.unit.kms.running import STORE_ID, RunningKms

NOT_OF_A_SYMMETRIC_KEY = {
    *("Sign", "Verify", "GenerateMac", "VerifyMac", "DeriveSharedSecret", "Encapsulate", "Decapsulate", "GetPublicKey")
}
"""Refused for what the key is, whatever else the request asks for."""
ON_STORES = {"DescribeCustomKeyStores"}
"""Not among the operations of this rig; see tests/integration/kms."""
RECIPIENT = {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": b"x"}


def operations_with(member: str) -> list[str]:
    return [
        operation
        for operation in operation_names()
        if member in oracle.shape_of(oracle.input_of(operation))["members"] and operation not in NOT_OF_A_SYMMETRIC_KEY
    ]


def answer(kms: RunningKms, operation: str, **members: Any) -> str:
    """Return what is said to the least request of an operation that would succeed, with these members."""
    key = kms.create_key()
    request = least_request(operation, **members)
    request |= {name: key for name in ("KeyId", "DestinationKeyId") if name in request}
    if operation in ("Decrypt", "ReEncrypt"):
        request["CiphertextBlob"] = kms.call("Encrypt", {"KeyId": key, "Plaintext": b"x"})["CiphertextBlob"]
    if operation in ("RetireGrant", "RevokeGrant"):
        grant = {"KeyId": key, "GranteePrincipal": "arn:aws:iam::123456789012:role/app", "Operations": ["Decrypt"]}
        request |= {"KeyId": key, "GrantId": kms.call("CreateGrant", grant)["GrantId"]}
    before = snapshot(kms, key)
    try:
        kms.call(operation, request)
    except AwsError as error:
        assert snapshot(kms, key) == before, "a refusal changes nothing"
        return str(error)
    return ""


def snapshot(kms: RunningKms, key: str) -> object:
    return kms.call("DescribeKey", {"KeyId": key}), kms.call("ListGrants", {"KeyId": key})


@pytest.mark.parametrize("operation", operations_with("DryRun"))
def test_a_dry_run_tells_that_it_would_have_succeeded_and_does_nothing(kms: RunningKms, operation: str) -> None:
    assert answer(kms, operation) == "", "in earnest it succeeds"
    assert answer(kms, operation, DryRun=False) == ""
    assert answer(kms, operation, DryRun=True) == (
        "DryRunOperationException: The request would have succeeded, but the DryRun option is set."
    )


@pytest.mark.parametrize("operation", operations_with("GrantTokens"))
def test_a_grant_token_that_is_none_is_refused_and_none_at_all_is_fine(kms: RunningKms, operation: str) -> None:
    assert answer(kms, operation, GrantTokens=[]) == ""
    said = answer(kms, operation, GrantTokens=["token"])
    if "InvalidGrantTokenException" in errors_of(operation):
        assert said.startswith("InvalidGrantTokenException")
    else:
        assert (operation, said) == ("DescribeKey", "")


@pytest.mark.parametrize("operation", operations_with("Recipient"))
def test_a_recipient_is_never_ignored(kms: RunningKms, operation: str) -> None:
    assert answer(kms, operation, Recipient=RECIPIENT).startswith("ValidationException: hyok cannot verify attestation")


@pytest.mark.parametrize("operation", [each for each in operations_with("Marker") if each not in ON_STORES])
def test_a_marker_that_no_page_gave_is_refused(kms: RunningKms, operation: str) -> None:
    said = answer(kms, operation, Marker="no page gave this")
    if "InvalidMarkerException" in errors_of(operation):
        assert said.startswith("InvalidMarkerException")
    else:
        assert (operation, said) == ("ListKeyPolicies", ""), "of which there is one page"


@pytest.mark.parametrize(
    ("owners", "count"), [(["SELF"], 1), (["OTHER_ACCOUNTS_VIA_RAM"], 0), (["OTHER_ACCOUNTS_VIA_RAM", "SELF"], 1)]
)
def test_keys_are_listed_by_whose_they_are(kms: RunningKms, owners: list[str], count: int) -> None:
    kms.create_key()
    assert len(kms.call("ListKeys", {"ResourceOwners": owners})["Keys"]) == count


def test_random_bytes_of_an_external_key_store_are_refused(kms: RunningKms) -> None:
    said = answer(kms, "GenerateRandom", CustomKeyStoreId=STORE_ID)
    assert said.startswith("UnsupportedOperationException")
