from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)

from hyok.awsjson.errors import AwsError
from hyok.kms.data_key_pairs import KEY_PAIR_SPECS
from tests.unit.kms.running import RunningKms

KINDS: dict[str, type] = {"RSA": rsa.RSAPublicKey, "ECC": ec.EllipticCurvePublicKey}
SLOW = {"RSA_3072", "RSA_4096"}
"""Seconds each; RSA_2048 takes the same way."""


def generate(kms: RunningKms, operation: str = "GenerateDataKeyPair", **request: object) -> dict[str, Any]:
    return kms.call(operation, {"KeyPairSpec": "ECC_NIST_P256", **request})


@pytest.mark.parametrize("spec", sorted(KEY_PAIR_SPECS - SLOW))
def test_the_private_key_comes_bare_and_wrapped_and_belongs_to_the_public_one(kms: RunningKms, spec: str) -> None:
    arn = kms.create_key()
    context = {"for": "signing"}
    made = generate(kms, KeyId=arn, KeyPairSpec=spec, EncryptionContext=context)
    assert (made["KeyId"], made["KeyPairSpec"]) == (arn, spec)
    public = load_der_public_key(made["PublicKey"])
    kind = ed25519.Ed25519PublicKey if spec == "ECC_NIST_EDWARDS25519" else KINDS[spec[:3]]
    assert isinstance(public, kind)
    opened = kms.call("Decrypt", {"CiphertextBlob": made["PrivateKeyCiphertextBlob"], "EncryptionContext": context})
    assert opened["Plaintext"] == made["PrivateKeyPlaintext"]
    private = load_der_private_key(opened["Plaintext"], password=None)
    assert private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == made["PublicKey"]


def test_without_plaintext_the_private_key_is_only_wrapped(kms: RunningKms) -> None:
    made = generate(kms, "GenerateDataKeyPairWithoutPlaintext", KeyId=kms.create_key())
    assert "PrivateKeyPlaintext" not in made
    opened = kms.call("Decrypt", {"CiphertextBlob": made["PrivateKeyCiphertextBlob"]})["Plaintext"]
    private = load_der_private_key(opened, password=None)
    assert private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == made["PublicKey"]


@pytest.mark.parametrize("spec", ["SM2", "ML_KEM_768"])
def test_kinds_of_pairs_that_hyok_does_not_make_are_refused(kms: RunningKms, spec: str) -> None:
    with pytest.raises(AwsError, match=f"UnsupportedOperationException: .* KeyPairSpec {spec}"):
        generate(kms, KeyId=kms.create_key(), KeyPairSpec=spec)


def test_recipient_and_dry_run_are_as_for_data_keys(kms: RunningKms) -> None:
    arn = kms.create_key()
    recipient = {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": b"x"}
    with pytest.raises(AwsError, match=r"ValidationException: .* does not have Recipient"):
        generate(kms, KeyId=arn, Recipient=recipient)
    with pytest.raises(AwsError, match="DryRunOperationException"):
        generate(kms, KeyId=arn, DryRun=True)
    kms.call("DisableKey", {"KeyId": arn})
    with pytest.raises(AwsError, match="DisabledException"):
        generate(kms, KeyId=arn, DryRun=True)
