from __future__ import annotations

import pytest

from hyok.awsjson.errors import AwsError
from tests.unit.kms.running import RunningKms

SIGNING: dict[str, object] = {"Message": b"x", "SigningAlgorithm": "ECDSA_SHA_256"}
MAC: dict[str, object] = {"Message": b"x", "MacAlgorithm": "HMAC_SHA_256"}
ENCAPSULATION: dict[str, object] = {"EncapsulationAlgorithm": "ML_KEM"}
WRONG_USAGE: dict[str, dict[str, object]] = {
    "Sign": SIGNING,
    "Verify": {**SIGNING, "Signature": b"x"},
    "GenerateMac": MAC,
    "VerifyMac": {**MAC, "Mac": b"x"},
    "DeriveSharedSecret": {"KeyAgreementAlgorithm": "ECDH", "PublicKey": b"x"},
    "Encapsulate": ENCAPSULATION,
    "Decapsulate": {**ENCAPSULATION, "SharedSecretCiphertextBlob": b"x"},
}
WRONG_ORIGIN: dict[str, dict[str, object]] = {
    "GetParametersForImport": {"WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"},
    "ImportKeyMaterial": {"ImportToken": b"x", "EncryptedKeyMaterial": b"x"},
    "DeleteImportedKeyMaterial": {},
}
ORDINARY_ONLY: dict[str, dict[str, object]] = {
    "EnableKeyRotation": {},
    "DisableKeyRotation": {},
    "GetKeyRotationStatus": {},
    "RotateKeyOnDemand": {},
    "ListKeyRotations": {},
    "GenerateDataKeyPair": {"KeyPairSpec": "ECC_NIST_P256"},
    "GenerateDataKeyPairWithoutPlaintext": {"KeyPairSpec": "RSA_2048"},
}


@pytest.fixture(params=["ordinary", "external"])
def arn(request: pytest.FixtureRequest, kms: RunningKms) -> str:
    return kms.create_key() if request.param == "ordinary" else kms.create_external_key()


def refusal(kms: RunningKms, operation: str, arn: str, members: dict[str, object]) -> str:
    with pytest.raises(AwsError) as caught:
        kms.call(operation, {"KeyId": arn, **members})
    return str(caught.value)


@pytest.mark.parametrize("operation", WRONG_USAGE)
def test_a_key_for_encryption_does_nothing_else(kms: RunningKms, operation: str, arn: str) -> None:
    refused = f"InvalidKeyUsageException: {arn} key usage is ENCRYPT_DECRYPT which is not valid for {operation}."
    assert refusal(kms, operation, arn, WRONG_USAGE[operation]) == refused


@pytest.mark.parametrize("operation", WRONG_ORIGIN)
def test_no_key_takes_imported_material(kms: RunningKms, operation: str, arn: str) -> None:
    origin = kms.find(arn).origin.value
    refused = f"UnsupportedOperationException: {arn} origin is {origin} which is not valid for this operation."
    assert refusal(kms, operation, arn, WRONG_ORIGIN[operation]) == refused


@pytest.mark.parametrize(
    ("operation", "member"), [("ReplicateKey", "ReplicaRegion"), ("UpdatePrimaryRegion", "PrimaryRegion")]
)
def test_no_key_has_replicas(kms: RunningKms, operation: str, member: str, arn: str) -> None:
    refused = f"UnsupportedOperationException: {arn} is not a multi-region primary key."
    assert refusal(kms, operation, arn, {member: "eu-west-1"}) == refused


def test_a_symmetric_key_has_no_public_one(kms: RunningKms, arn: str) -> None:
    assert refusal(kms, "GetPublicKey", arn, {}).startswith("UnsupportedOperationException: " + arn)


@pytest.mark.parametrize("operation", ORDINARY_ONLY)
@pytest.mark.parametrize("state", ["enabled", "disabled", "pending deletion"])
def test_what_external_key_stores_do_not_support_is_refused_in_every_state(
    kms: RunningKms, operation: str, state: str
) -> None:
    arn = kms.create_external_key()
    if state != "enabled":
        kms.call("DisableKey" if state == "disabled" else "ScheduleKeyDeletion", {"KeyId": arn})
    refused = (
        f"UnsupportedOperationException: {arn} origin is EXTERNAL_KEY_STORE which is not valid for this operation."
    )
    assert refusal(kms, operation, arn, ORDINARY_ONLY[operation]) == refused


@pytest.mark.parametrize("operation", [*WRONG_USAGE, *WRONG_ORIGIN])
def test_a_key_that_is_not_there_is_not_found_first(kms: RunningKms, operation: str) -> None:
    members = {**WRONG_USAGE, **WRONG_ORIGIN}[operation]
    assert refusal(kms, operation, "none", members) == "NotFoundException: Invalid keyId 'none'"
