from __future__ import annotations

import pytest

from hyok.awsjson.errors import AwsError
from tests.unit.kms.running import STORE_ID, RunningKms

CONTEXT = {"object": "1"}
EITHER = "ValidationException: Please specify either number of bytes or key spec."


@pytest.fixture(params=["ordinary", "external"])
def arn(kms: RunningKms, request: pytest.FixtureRequest) -> str:
    return kms.create_key() if request.param == "ordinary" else kms.create_external_key()


@pytest.mark.parametrize(
    ("wanted", "size"),
    [
        ({"KeySpec": "AES_256"}, 32),
        ({"KeySpec": "AES_128"}, 16),
        ({"NumberOfBytes": 1}, 1),
        ({"NumberOfBytes": 1024}, 1024),
    ],
)
def test_a_data_key_comes_bare_and_wrapped(kms: RunningKms, arn: str, wanted: dict[str, object], size: int) -> None:
    answer = kms.call("GenerateDataKey", {"KeyId": arn, "EncryptionContext": CONTEXT, **wanted})
    assert answer["KeyId"] == arn
    assert len(answer["Plaintext"]) == size
    unwrapped = kms.call("Decrypt", {"CiphertextBlob": answer["CiphertextBlob"], "EncryptionContext": CONTEXT})
    assert unwrapped["Plaintext"] == answer["Plaintext"]


def test_a_data_key_without_plaintext_is_only_wrapped(kms: RunningKms, arn: str) -> None:
    answer = kms.call("GenerateDataKeyWithoutPlaintext", {"KeyId": arn, "KeySpec": "AES_256"})
    assert "Plaintext" not in answer
    assert len(kms.call("Decrypt", {"CiphertextBlob": answer["CiphertextBlob"]})["Plaintext"]) == 32


def test_the_plaintext_data_key_never_goes_to_the_proxy(kms: RunningKms) -> None:
    answer = kms.call("GenerateDataKey", {"KeyId": kms.create_external_key(), "KeySpec": "AES_256"})
    assert all(answer["Plaintext"] not in seen for seen in kms.external_keys.plaintexts)
    assert kms.external_keys.plaintexts


@pytest.mark.parametrize("wanted", [{}, {"KeySpec": "AES_256", "NumberOfBytes": 32}])
def test_a_data_key_has_one_size(kms: RunningKms, wanted: dict[str, object]) -> None:
    with pytest.raises(AwsError, match=EITHER):
        kms.call("GenerateDataKey", {"KeyId": kms.create_key(), **wanted})


@pytest.mark.parametrize("operation", ["GenerateDataKey", "GenerateDataKeyWithoutPlaintext"])
def test_a_dry_run_asks_no_proxy(kms: RunningKms, operation: str) -> None:
    arn = kms.create_external_key()
    asked = list(kms.external_keys.asked)
    with pytest.raises(AwsError, match="DryRunOperationException"):
        kms.call(operation, {"KeyId": arn, "KeySpec": "AES_256", "DryRun": True})
    assert kms.external_keys.asked == asked


@pytest.mark.parametrize("operation", ["GenerateDataKey", "GenerateRandom"])
def test_a_recipient_is_refused_not_ignored(kms: RunningKms, operation: str) -> None:
    recipient = {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": b"x"}
    with pytest.raises(AwsError, match=r"ValidationException: .* does not have Recipient"):
        kms.call(operation, {"KeyId": kms.create_key(), "NumberOfBytes": 32, "Recipient": recipient})


def test_only_ordinary_keys_name_their_material(kms: RunningKms) -> None:
    ordinary = kms.call("GenerateDataKey", {"KeyId": kms.create_key(), "KeySpec": "AES_256"})
    external = kms.call("GenerateDataKey", {"KeyId": kms.create_external_key(), "KeySpec": "AES_256"})
    assert len(ordinary["KeyMaterialId"]) == 64
    assert "KeyMaterialId" not in external


def test_random_bytes_are_as_many_as_asked_for(kms: RunningKms) -> None:
    one, other = (kms.call("GenerateRandom", {"NumberOfBytes": 64})["Plaintext"] for _ in range(2))
    assert len(one) == 64
    assert one != other


@pytest.mark.parametrize(
    ("request_members", "refusal"),
    [
        ({}, "ValidationException: NumberOfBytes is required."),
        (
            {"NumberOfBytes": 0},
            "Value '0' at 'numberOfBytes' failed to satisfy constraint: Member must have value greater than or equal",
        ),
        ({"NumberOfBytes": 8, "CustomKeyStoreId": STORE_ID}, "UnsupportedOperationException"),
        ({"NumberOfBytes": 8, "CustomKeyStoreId": "cks-ffffffffffffffff0"}, "CustomKeyStoreNotFoundException"),
    ],
)
def test_random_bytes_are_refused_in_aws_s_words(
    kms: RunningKms, request_members: dict[str, object], refusal: str
) -> None:
    with pytest.raises(AwsError, match=refusal):
        kms.call("GenerateRandom", request_members)
