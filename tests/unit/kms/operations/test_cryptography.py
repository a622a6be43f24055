from __future__ import annotations

import pytest

from hyok.awsjson.errors import AwsError
from hyok.kms.connection_state import ConnectionState
from hyok.kms.external_failures import ExternalFailure
from tests.unit.kms.running import OTHER_REGION, XKS_KEY_ID, RunningKms

CONTEXT = {"project": "nile", "department": "marketing"}
NOT_CONNECTED = "KMSInvalidStateException: This KMS key is in a custom key store that is not connected"
DRY_RUN = "DryRunOperationException: The request would have succeeded, but the DryRun option is set."
INCORRECT_KEY = (
    "IncorrectKeyException: The key ID in the request does not identify a CMK that can perform this operation."
)
REJECTED = (
    "KMSInvalidStateException: The external key store proxy rejected the request because the specified ciphertext"
)


@pytest.fixture(params=["ordinary", "external"])
def arn(kms: RunningKms, request: pytest.FixtureRequest) -> str:
    return kms.create_key() if request.param == "ordinary" else kms.create_external_key()


def encrypt(kms: RunningKms, arn: str, plaintext: bytes = b"plaintext", **request: object) -> bytes:
    blob: bytes = kms.call("Encrypt", {"KeyId": arn, "Plaintext": plaintext, **request})["CiphertextBlob"]
    return blob


def test_what_was_encrypted_decrypts(kms: RunningKms, arn: str) -> None:
    encrypted = kms.call("Encrypt", {"KeyId": arn, "Plaintext": b"plaintext", "EncryptionContext": CONTEXT})
    assert encrypted["KeyId"] == arn
    assert encrypted["EncryptionAlgorithm"] == "SYMMETRIC_DEFAULT"
    reversed_context = dict(reversed(CONTEXT.items()))
    decrypted = kms.call(
        "Decrypt", {"CiphertextBlob": encrypted["CiphertextBlob"], "EncryptionContext": reversed_context}
    )
    assert (decrypted["Plaintext"], decrypted["KeyId"]) == (b"plaintext", arn)
    assert decrypted["EncryptionAlgorithm"] == "SYMMETRIC_DEFAULT"


@pytest.mark.parametrize("size", [1, 4096])
def test_the_smallest_and_the_largest_plaintext_come_back(kms: RunningKms, arn: str, size: int) -> None:
    assert kms.call("Decrypt", {"CiphertextBlob": encrypt(kms, arn, b"x" * size)})["Plaintext"] == b"x" * size


def test_the_same_plaintext_never_gives_the_same_blob(kms: RunningKms, arn: str) -> None:
    assert encrypt(kms, arn) != encrypt(kms, arn)


def test_only_ordinary_keys_name_their_material(kms: RunningKms) -> None:
    ordinary = kms.create_key()
    material = kms.call("DescribeKey", {"KeyId": ordinary})["KeyMetadata"]["CurrentKeyMaterialId"]
    assert kms.call("Decrypt", {"CiphertextBlob": encrypt(kms, ordinary)})["KeyMaterialId"] == material
    external = kms.call("Decrypt", {"CiphertextBlob": encrypt(kms, kms.create_external_key())})
    assert "KeyMaterialId" not in external


def test_the_proxy_never_sees_the_plaintext(kms: RunningKms) -> None:
    encrypt(kms, kms.create_external_key(), b"secret" * 8)
    assert [len(seen) for seen in kms.external_keys.plaintexts] == [48 + 16]
    assert b"secret" not in kms.external_keys.plaintexts[0]


def test_an_ordinary_key_asks_no_proxy(kms: RunningKms) -> None:
    kms.call("Decrypt", {"CiphertextBlob": encrypt(kms, kms.create_key())})
    assert kms.external_keys.asked == []


@pytest.mark.parametrize("context", [None, {"project": "nile"}, {**CONTEXT, "project": "Nile"}])
def test_another_context_on_an_ordinary_key_is_an_invalid_ciphertext(
    kms: RunningKms, context: dict[str, str] | None
) -> None:
    blob = encrypt(kms, kms.create_key(), EncryptionContext=CONTEXT)
    with pytest.raises(AwsError) as raised:
        kms.call("Decrypt", {"CiphertextBlob": blob, "EncryptionContext": context})
    assert (raised.value.code, raised.value.message) == ("InvalidCiphertextException", None)


def test_another_context_on_an_external_key_is_refused_by_the_proxy(kms: RunningKms) -> None:
    blob = encrypt(kms, kms.create_external_key(), EncryptionContext=CONTEXT)
    with pytest.raises(AwsError, match=REJECTED):
        kms.call("Decrypt", {"CiphertextBlob": blob})


@pytest.mark.parametrize("blob", [b"x", b"\x00" * 100, b"\x02" * 100])
def test_what_is_no_blob_is_an_invalid_ciphertext(kms: RunningKms, blob: bytes) -> None:
    with pytest.raises(AwsError, match=r"^InvalidCiphertextException$"):
        kms.call("Decrypt", {"CiphertextBlob": blob})


def test_a_key_id_that_names_the_blob_s_key_is_fine_and_any_other_is_not(kms: RunningKms, arn: str) -> None:
    kms.call("CreateAlias", {"AliasName": "alias/app", "TargetKeyId": arn})
    other = kms.create_key()
    blob = encrypt(kms, arn)
    for name in (arn, arn.split("/")[1], "alias/app"):
        assert kms.call("Decrypt", {"CiphertextBlob": blob, "KeyId": name})["Plaintext"] == b"plaintext"
    asked = list(kms.external_keys.asked)
    with pytest.raises(AwsError, match=INCORRECT_KEY):
        kms.call("Decrypt", {"CiphertextBlob": blob, "KeyId": other})
    with pytest.raises(AwsError, match="NotFoundException: Invalid keyId 'nonsense'"):
        kms.call("Decrypt", {"CiphertextBlob": blob, "KeyId": "nonsense"})
    assert kms.external_keys.asked == asked


def test_a_blob_of_another_region_is_of_an_unknown_key(kms: RunningKms, arn: str) -> None:
    with pytest.raises(AwsError, match=r"AccessDeniedException: .* associated with this ciphertext .* does not exist"):
        kms.call("Decrypt", {"CiphertextBlob": encrypt(kms, arn)}, region=OTHER_REGION)


def test_a_blob_of_another_account_is_of_an_unknown_key(kms: RunningKms, arn: str) -> None:
    with pytest.raises(AwsError, match=r"AccessDeniedException: .* associated with this ciphertext .* does not exist"):
        kms.call("Decrypt", {"CiphertextBlob": encrypt(kms, arn)}, account="210987654321")


@pytest.mark.parametrize("operation", ["Encrypt", "Decrypt", "ReEncrypt"])
def test_a_disabled_key_is_of_no_use_until_it_is_enabled(kms: RunningKms, arn: str, operation: str) -> None:
    requests: dict[str, dict[str, object]] = {
        "Encrypt": {"KeyId": arn, "Plaintext": b"x"},
        "Decrypt": {"CiphertextBlob": encrypt(kms, arn)},
        "ReEncrypt": {"CiphertextBlob": encrypt(kms, kms.create_key()), "DestinationKeyId": arn},
    }
    request = requests[operation]
    kms.call("DisableKey", {"KeyId": arn})
    with pytest.raises(AwsError, match=f"DisabledException: {arn} is disabled."):
        kms.call(operation, request)
    kms.call("EnableKey", {"KeyId": arn})
    assert kms.call(operation, request)


def test_a_key_pending_deletion_is_of_no_use(kms: RunningKms, arn: str) -> None:
    blob = encrypt(kms, arn)
    kms.call("ScheduleKeyDeletion", {"KeyId": arn})
    with pytest.raises(AwsError, match=f"KMSInvalidStateException: {arn} is pending deletion."):
        kms.call("Decrypt", {"CiphertextBlob": blob})


def test_a_key_of_a_disconnected_store_is_of_no_use_until_it_is_connected(kms: RunningKms) -> None:
    arn = kms.create_external_key()
    blob = encrypt(kms, arn)
    kms.set_store_state(ConnectionState.DISCONNECTED)
    with pytest.raises(AwsError, match=NOT_CONNECTED):
        kms.call("Decrypt", {"CiphertextBlob": blob})
    with pytest.raises(AwsError, match=NOT_CONNECTED):
        encrypt(kms, arn)
    kms.set_store_state(ConnectionState.CONNECTED)
    assert kms.call("Decrypt", {"CiphertextBlob": blob})["Plaintext"] == b"plaintext"


def test_a_failure_of_the_proxy_reaches_the_caller_in_the_specification_s_words(kms: RunningKms) -> None:
    arn = kms.create_external_key()
    kms.external_keys.failure = ExternalFailure.KEY_NOT_ENABLED
    with pytest.raises(AwsError, match=r"KMSInvalidStateException: The external key associated .* is not enabled"):
        encrypt(kms, arn)


@pytest.mark.parametrize("kind", ["ordinary", "external"])
def test_every_flipped_bit_of_a_blob_is_refused(kms: RunningKms, kind: str) -> None:
    arn = kms.create_key() if kind == "ordinary" else kms.create_external_key()
    blob = encrypt(kms, arn, b"p", EncryptionContext={"a": "b"})
    refusals = set()
    for bit in range(len(blob) * 8):
        flipped = bytearray(blob)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(AwsError) as raised:
            kms.call("Decrypt", {"CiphertextBlob": bytes(flipped), "EncryptionContext": {"a": "b"}})
        refusals.add(raised.value.code)
    foreseen = {"InvalidCiphertextException", "AccessDeniedException"}
    assert refusals == (foreseen if kind == "ordinary" else foreseen | {"KMSInvalidStateException"})


def test_a_blob_under_another_account_s_number_asks_no_proxy(kms: RunningKms) -> None:
    blob = encrypt(kms, kms.create_external_key())
    asked = list(kms.external_keys.asked)
    with pytest.raises(AwsError, match=r"AccessDeniedException: .* associated with this ciphertext"):
        kms.call("Decrypt", {"CiphertextBlob": blob[:2] + bytes(5) + blob[7:]})
    assert kms.external_keys.asked == asked


def test_a_blob_claimed_for_another_key_over_the_same_material_is_refused(kms: RunningKms) -> None:
    one, other = kms.create_key(), kms.create_key()
    blob, foreign = encrypt(kms, one), encrypt(kms, other)
    with pytest.raises(AwsError, match=r"^InvalidCiphertextException$"):
        kms.call("Decrypt", {"CiphertextBlob": foreign[:27] + blob[27:]})


def test_a_blob_of_one_kind_is_not_opened_by_a_key_of_the_other(kms: RunningKms) -> None:
    ordinary, external = encrypt(kms, kms.create_key()), encrypt(kms, kms.create_external_key())
    asked = list(kms.external_keys.asked)
    for blob in (ordinary[:7] + external[7:23] + ordinary[23:], external[:7] + ordinary[7:23] + external[23:]):
        with pytest.raises(AwsError, match=r"^InvalidCiphertextException$"):
            kms.call("Decrypt", {"CiphertextBlob": blob})
    assert kms.external_keys.asked == asked


def test_a_proxy_that_answers_something_else_is_found_out_by_the_inner_layer(kms: RunningKms) -> None:
    blob = encrypt(kms, kms.create_external_key())

    kms.external_keys.lie = bytes(25)
    with pytest.raises(
        AwsError, match="KMSInvalidStateException: The ciphertext that the external key store proxy submitted"
    ):
        kms.call("Decrypt", {"CiphertextBlob": blob})


@pytest.mark.parametrize("source", ["ordinary", "external"])
@pytest.mark.parametrize("destination", ["ordinary", "external"])
def test_re_encrypt_goes_from_any_key_and_context_to_any_other(kms: RunningKms, source: str, destination: str) -> None:
    from_arn = kms.create_key() if source == "ordinary" else kms.create_external_key()
    to_arn = kms.create_key() if destination == "ordinary" else kms.create_external_key("other-key")
    blob = encrypt(kms, from_arn, EncryptionContext=CONTEXT)
    request = {
        "CiphertextBlob": blob,
        "SourceEncryptionContext": CONTEXT,
        "DestinationKeyId": to_arn,
        "DestinationEncryptionContext": {"a": "b"},
    }
    answer = kms.call("ReEncrypt", request)
    assert "Plaintext" not in answer
    assert (answer["SourceKeyId"], answer["KeyId"]) == (from_arn, to_arn)
    assert answer["SourceEncryptionAlgorithm"] == answer["DestinationEncryptionAlgorithm"] == "SYMMETRIC_DEFAULT"
    assert ("SourceKeyMaterialId" in answer) is (source == "ordinary")
    assert ("DestinationKeyMaterialId" in answer) is (destination == "ordinary")
    again = kms.call("Decrypt", {"CiphertextBlob": answer["CiphertextBlob"], "EncryptionContext": {"a": "b"}})
    assert (again["Plaintext"], again["KeyId"]) == (b"plaintext", to_arn)


def test_re_encrypt_with_a_wrong_source_key_asks_no_proxy(kms: RunningKms) -> None:
    external, ordinary = kms.create_external_key(), kms.create_key()
    blob = encrypt(kms, external)
    asked = list(kms.external_keys.asked)
    with pytest.raises(AwsError, match=INCORRECT_KEY):
        kms.call("ReEncrypt", {"CiphertextBlob": blob, "SourceKeyId": ordinary, "DestinationKeyId": ordinary})
    assert kms.external_keys.asked == asked


def test_re_encrypt_from_a_disabled_key_asks_no_proxy(kms: RunningKms) -> None:
    external, ordinary = kms.create_external_key(), kms.create_key()
    blob = encrypt(kms, external)
    kms.call("DisableKey", {"KeyId": external})
    asked = list(kms.external_keys.asked)
    with pytest.raises(AwsError, match=f"DisabledException: {external}"):
        kms.call("ReEncrypt", {"CiphertextBlob": blob, "DestinationKeyId": ordinary})
    assert kms.external_keys.asked == asked


def test_re_encrypt_to_a_disabled_key_does_not_decrypt_first(kms: RunningKms) -> None:
    external, ordinary = kms.create_external_key(), kms.create_key()
    blob = encrypt(kms, external)
    kms.call("DisableKey", {"KeyId": ordinary})
    asked = list(kms.external_keys.asked)
    with pytest.raises(AwsError, match=f"DisabledException: {ordinary}"):
        kms.call("ReEncrypt", {"CiphertextBlob": blob, "DestinationKeyId": ordinary})
    assert kms.external_keys.asked == asked


@pytest.mark.parametrize("operation", ["Encrypt", "Decrypt", "ReEncrypt"])
def test_a_dry_run_checks_everything_and_does_nothing(kms: RunningKms, operation: str) -> None:
    arn = kms.create_external_key()
    blob = encrypt(kms, arn)
    requests: dict[str, dict[str, object]] = {
        "Encrypt": {"KeyId": arn, "Plaintext": b"x", "DryRun": True},
        "Decrypt": {"CiphertextBlob": blob, "DryRun": True},
        "ReEncrypt": {"CiphertextBlob": blob, "DestinationKeyId": arn, "DryRun": True},
    }
    request = requests[operation]
    asked = list(kms.external_keys.asked)
    with pytest.raises(AwsError, match=DRY_RUN):
        kms.call(operation, request)
    kms.call("DisableKey", {"KeyId": arn})
    with pytest.raises(AwsError, match="DisabledException"):
        kms.call(operation, request)
    assert kms.external_keys.asked == asked


def test_a_dry_run_may_do_without_the_ciphertext_if_the_key_is_named(kms: RunningKms) -> None:
    arn = kms.create_key()
    modified: dict[str, object] = {"DryRun": True, "DryRunModifiers": ["IGNORE_CIPHERTEXT"]}
    with pytest.raises(AwsError, match=DRY_RUN):
        kms.call("Decrypt", {"KeyId": arn, **modified})
    with pytest.raises(AwsError, match=DRY_RUN):
        kms.call("ReEncrypt", {"SourceKeyId": arn, "DestinationKeyId": arn, **modified})
    with pytest.raises(AwsError, match="ValidationException: KeyId is required"):
        kms.call("Decrypt", modified)
    with pytest.raises(AwsError, match="ValidationException: DryRunModifiers needs DryRun"):
        kms.call("Decrypt", {"KeyId": arn, **modified, "DryRun": False})


def test_decrypt_needs_a_ciphertext(kms: RunningKms) -> None:
    with pytest.raises(
        AwsError, match=r"1 validation error detected: Value null at 'ciphertextBlob' failed .* must not be null"
    ):
        kms.call("Decrypt", {"KeyId": kms.create_key()})


def test_an_algorithm_of_asymmetric_keys_is_refused(kms: RunningKms, arn: str) -> None:
    with pytest.raises(
        AwsError,
        match="InvalidKeyUsageException: Algorithm RSAES_OAEP_SHA_256 and key spec SYMMETRIC_DEFAULT are incomp",
    ):
        encrypt(kms, arn, EncryptionAlgorithm="RSAES_OAEP_SHA_256")


def test_a_recipient_is_refused_not_ignored(kms: RunningKms) -> None:
    blob = encrypt(kms, kms.create_key())
    recipient = {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": b"x"}
    with pytest.raises(AwsError, match=r"ValidationException: .* does not have Recipient"):
        kms.call("Decrypt", {"CiphertextBlob": blob, "Recipient": recipient})


def test_grant_tokens_are_accepted_if_they_are_tokens(kms: RunningKms, arn: str) -> None:
    blob = encrypt(kms, arn, GrantTokens=[])
    grant = {"KeyId": arn, "GranteePrincipal": "arn:aws:iam::123456789012:user/x", "Operations": ["Decrypt"]}
    token = kms.call("CreateGrant", grant)["GrantToken"]
    assert kms.call("Decrypt", {"CiphertextBlob": blob, "GrantTokens": [token]})["Plaintext"] == b"plaintext"
    with pytest.raises(AwsError, match="InvalidGrantTokenException"):
        kms.call("Decrypt", {"CiphertextBlob": blob, "GrantTokens": [token, "token"]})


def test_a_context_too_large_for_a_proxy_is_refused_for_every_key(kms: RunningKms, arn: str) -> None:
    with pytest.raises(AwsError, match="ValidationException: The encryption context is too large"):
        encrypt(kms, arn, EncryptionContext={"a": "x" * 8192})


def test_material_of_another_external_key_does_not_help(kms: RunningKms) -> None:
    blob = encrypt(kms, kms.create_external_key())
    kms.external_keys.keys[XKS_KEY_ID] = kms.external_keys.keys["other-key"]
    with pytest.raises(AwsError, match=REJECTED):
        kms.call("Decrypt", {"CiphertextBlob": blob})
