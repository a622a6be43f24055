"""An unmodified boto3 on a KMS key in an external key store: what works, and what altering anything leads to."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e.conftest import Protected

CONTEXT = {"customer": "nile", "purpose": "test"}
INNER_REFUSED = (
    "The external key store proxy rejected the request because the specified ciphertext or encryption context is "
    "corrupted, missing, or otherwise invalid."
)
NO_SUCH_KEY = (
    "User: arn:aws:iam::999999999999:root is not authorized to perform: kms:Decrypt on the resource associated with "
    "this ciphertext because the resource does not exist in this Region, no resource-based policies allow access, or a "
    "resource-based policy explicitly denies access"
)


def refusal(error: ClientError) -> tuple[str, str, int]:
    response: Any = error.response
    return (
        response["Error"]["Code"],
        response["Error"].get("Message", ""),
        response["ResponseMetadata"]["HTTPStatusCode"],
    )


@pytest.mark.parametrize("context", [{}, CONTEXT, {"a": "x" * 3000, "ü": "ß"}], ids=["none", "two pairs", "large"])
@pytest.mark.parametrize("size", [1, 32, 4096])
def test_encrypt_and_decrypt_give_the_plaintext_back(protected: Protected, context: dict[str, str], size: int) -> None:
    plaintext = bytes(range(256)) * 16
    sealed = protected.kms.encrypt(KeyId=protected.key_id, Plaintext=plaintext[:size], EncryptionContext=context)
    assert sealed["KeyId"] == protected.key_arn
    opened = protected.kms.decrypt(CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext=context)
    assert opened["Plaintext"] == plaintext[:size]
    assert opened["KeyId"] == protected.key_arn
    assert opened["EncryptionAlgorithm"] == "SYMMETRIC_DEFAULT"


def test_data_keys_come_with_and_without_plaintext(protected: Protected) -> None:
    kms = protected.kms
    with_plaintext = kms.generate_data_key(KeyId="alias/protected", KeySpec="AES_256", EncryptionContext=CONTEXT)
    assert len(with_plaintext["Plaintext"]) == 32
    opened = kms.decrypt(CiphertextBlob=with_plaintext["CiphertextBlob"], EncryptionContext=CONTEXT)
    assert opened["Plaintext"] == with_plaintext["Plaintext"]
    without = kms.generate_data_key_without_plaintext(KeyId=protected.key_arn, NumberOfBytes=57)
    assert "Plaintext" not in without
    assert len(kms.decrypt(CiphertextBlob=without["CiphertextBlob"])["Plaintext"]) == 57


def test_reencrypt_moves_between_external_and_ordinary_keys(protected: Protected) -> None:
    kms = protected.kms
    ordinary = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=protected.key_id, Plaintext=b"moved", EncryptionContext=CONTEXT)["CiphertextBlob"]
    to_ordinary = kms.re_encrypt(CiphertextBlob=blob, SourceEncryptionContext=CONTEXT, DestinationKeyId=ordinary)
    assert to_ordinary["SourceKeyId"] == protected.key_arn
    back = kms.re_encrypt(CiphertextBlob=to_ordinary["CiphertextBlob"], DestinationKeyId=protected.key_id)
    assert kms.decrypt(CiphertextBlob=back["CiphertextBlob"])["Plaintext"] == b"moved"


def test_a_wrong_context_is_refused_in_the_words_of_the_proxy_specification(protected: Protected) -> None:
    blob = protected.kms.encrypt(KeyId=protected.key_id, Plaintext=b"bound", EncryptionContext=CONTEXT)[
        "CiphertextBlob"
    ]
    for wrong in ({}, {"customer": "nile"}, CONTEXT | {"purpose": "Test"}, CONTEXT | {"more": "x"}):
        with pytest.raises(ClientError) as raised:
            protected.kms.decrypt(CiphertextBlob=blob, EncryptionContext=wrong)
        assert refusal(raised.value) == ("KMSInvalidStateException", INNER_REFUSED, 400)


def test_another_keys_ciphertext_is_refused(protected: Protected) -> None:
    kms = protected.kms
    ordinary = kms.create_key()["KeyMetadata"]["KeyId"]
    blob = kms.encrypt(KeyId=ordinary, Plaintext=b"of another key")["CiphertextBlob"]
    with pytest.raises(ClientError) as raised:
        kms.decrypt(CiphertextBlob=blob, KeyId=protected.key_id)
    assert refusal(raised.value) == (
        "IncorrectKeyException",
        "The key ID in the request does not identify a CMK that can perform this operation.",
        400,
    )


def test_another_accounts_ciphertext_is_refused(protected: Protected) -> None:
    blob = protected.kms.encrypt(KeyId=protected.key_id, Plaintext=b"mine")["CiphertextBlob"]
    with pytest.raises(ClientError) as raised:
        protected.deployment.client(access_key_id="999999999999").decrypt(CiphertextBlob=blob)
    assert refusal(raised.value) == ("AccessDeniedException", NO_SUCH_KEY, 400)


def test_a_rotated_external_key_still_opens_what_its_older_versions_sealed(protected: Protected) -> None:
    kms, deployment = protected.kms, protected.deployment
    old = kms.encrypt(KeyId=protected.key_id, Plaintext=b"before")["CiphertextBlob"]
    deployment.hyok("key", "rotate", deployment.external_key_id)
    new = kms.encrypt(KeyId=protected.key_id, Plaintext=b"after")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=old)["Plaintext"] == b"before"
    assert kms.decrypt(CiphertextBlob=new)["Plaintext"] == b"after"


def test_sts_tells_who_calls_on_the_same_port(protected: Protected) -> None:
    identity = protected.deployment.client("sts", access_key_id="111122223333").get_caller_identity()
    assert identity["Account"] == "111122223333"
    assert identity["Arn"] == "arn:aws:iam::111122223333:root"
