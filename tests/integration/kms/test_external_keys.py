"""Cryptographic operations and CreateKey on a proxy that does what it must not."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
import trustme

from hyok.awsjson.errors import AwsError
from hyok.kms.external_failures import CONSEQUENCES, ExternalFailure
from hyok.kms.request_quotas import RequestQuotas, RequestRates
from tests.integration.kms.misbehaving_proxy import (
    Answer,
    Asked,
    MisbehavingProxy,
    answer,
    error,
    hang,
)
from tests.integration.kms.rig import HOST, Rig


def refusal(rig: Rig, operation: str, **request: object) -> tuple[str, str | None]:
    with pytest.raises(AwsError) as raised:
        rig.call(operation, **request)
    return raised.value.code, raised.value.message


def in_crypto(failure: ExternalFailure) -> tuple[str, str]:
    return "KMSInvalidStateException", CONSEQUENCES[failure].message


def in_create_key(failure: ExternalFailure) -> tuple[str | None, str]:
    return CONSEQUENCES[failure].create_key, CONSEQUENCES[failure].message


@pytest.fixture
def store(rig: Rig) -> str:
    return rig.create_connected_store()


@pytest.fixture
def key(rig: Rig, store: str) -> str:
    return rig.create_key(store)


def create_key(rig: Rig, store: str) -> tuple[str, str | None]:
    return refusal(rig, "CreateKey", Origin="EXTERNAL_KEY_STORE", CustomKeyStoreId=store, XksKeyId="key-1")


def test_what_was_encrypted_is_decrypted(rig: Rig, key: str, proxy: MisbehavingProxy) -> None:
    sealed = rig.call("Encrypt", KeyId=key, Plaintext=b"4711", EncryptionContext={"a": "b"})
    opened = rig.call("Decrypt", CiphertextBlob=sealed["CiphertextBlob"], EncryptionContext={"a": "b"})
    assert opened["Plaintext"] == b"4711"
    asked = [request.operation for request in proxy.asked]
    assert asked == ["GetHealthStatus", "GetHealthStatus", "GetKeyMetadata", "Encrypt", "Decrypt"]


def test_the_proxy_is_told_who_asks_for_what(rig: Rig, store: str, key: str, proxy: MisbehavingProxy) -> None:
    rig.call("GenerateDataKey", KeyId=key, KeySpec="AES_256")
    created, used = proxy.asked[-2:]
    assert created.path == used.path.replace("encrypt", "metadata") == "/held/kms/xks/v1/keys/key-1/metadata"
    assert used.body["ciphertextDataIntegrityValueAlgorithm"] == "SHA_256"
    metadata = used.body["requestMetadata"]
    assert len(metadata.pop("kmsRequestId")) == 36
    assert metadata == {
        "awsPrincipalArn": "arn:aws:iam::123456789012:root",
        "kmsKeyArn": key,
        "kmsOperation": "GenerateDataKey",
    }
    assert created.body["requestMetadata"].keys() == {"awsPrincipalArn", "kmsOperation", "kmsRequestId"}
    assert created.body["requestMetadata"]["kmsOperation"] == "CreateKey"


def test_a_slow_proxy_is_asked_twice_and_given_up_after_half_a_second(
    rig: Rig, key: str, proxy: MisbehavingProxy
) -> None:
    proxy.script["Encrypt"] = hang
    begun = time.monotonic()
    assert refusal(rig, "Encrypt", KeyId=key, Plaintext=b"4711") == in_crypto(ExternalFailure.TIMED_OUT)
    assert 0.45 < time.monotonic() - begun < 1.0
    assert [request.operation for request in proxy.asked[-2:]] == ["Encrypt", "Encrypt"]


def test_a_proxy_that_is_slow_once_is_forgiven(rig: Rig, key: str, proxy: MisbehavingProxy) -> None:
    async def hang_once(asked: Asked) -> Answer | None:
        del proxy.script["Encrypt"]
        return await hang(asked)

    proxy.script["Encrypt"] = hang_once
    assert rig.call("Encrypt", KeyId=key, Plaintext=b"4711")["CiphertextBlob"]


def test_a_proxy_that_stops_and_comes_back_is_used_again(rig: Rig, key: str, proxy: MisbehavingProxy) -> None:
    rig.run(proxy.stop())
    assert refusal(rig, "Encrypt", KeyId=key, Plaintext=b"4711") == in_crypto(ExternalFailure.NO_CONNECTION)
    rig.run(proxy.start())
    assert rig.call("Encrypt", KeyId=key, Plaintext=b"4711")["CiphertextBlob"]


SUITABLE = {"keySpec": "AES_256", "keyUsage": ["ENCRYPT", "DECRYPT"], "keyStatus": "ENABLED"}


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (
            {"keySpec": "AES_128"},
            "The key spec of the external key must be AES_256. The key spec of specified external key is AES_128.",
        ),
        (
            {"keyStatus": "DISABLED"},
            "The status of the external key must be ENABLED. The status of specified external key is DISABLED.",
        ),
        (
            {"keyUsage": ["ENCRYPT", "SIGN"]},
            "The key usage of the external key must include ENCRYPT and DECRYPT. The key use of specified external key "
            "is ENCRYPT, SIGN.",
        ),
    ],
    ids=["spec", "status", "usage"],
)
def test_a_key_of_another_kind_is_not_tied(
    rig: Rig, store: str, proxy: MisbehavingProxy, found: dict[str, object], message: str
) -> None:
    proxy.script["GetKeyMetadata"] = answer(200, Answer.of({**SUITABLE, **found}).body)
    assert create_key(rig, store) == ("XksKeyInvalidConfigurationException", message)


@pytest.mark.parametrize("usage", [["ENCRYPT", "DECRYPT"], ["SIGN", "DECRYPT", "WRAP", "ENCRYPT"]])
def test_a_key_with_both_usages_is_tied(rig: Rig, store: str, proxy: MisbehavingProxy, usage: list[str]) -> None:
    proxy.script["GetKeyMetadata"] = answer(200, Answer.of({**SUITABLE, "keyUsage": usage}).body)
    assert rig.create_key(store)


def test_a_disconnected_store_is_not_asked(rig: Rig, store: str, key: str, proxy: MisbehavingProxy) -> None:
    blob = rig.call("Encrypt", KeyId=key, Plaintext=b"4711")["CiphertextBlob"]
    rig.call("DisconnectCustomKeyStore", CustomKeyStoreId=store)
    before = len(proxy.asked)
    assert refusal(rig, "Decrypt", CiphertextBlob=blob) == in_crypto(ExternalFailure.STORE_NOT_CONNECTED)
    rig.settled(store)
    assert refusal(rig, "Decrypt", CiphertextBlob=blob) == in_crypto(ExternalFailure.STORE_NOT_CONNECTED)
    # Another external key: the first one is in use, which is asked before.
    created = refusal(rig, "CreateKey", Origin="EXTERNAL_KEY_STORE", CustomKeyStoreId=store, XksKeyId="key-2")
    assert created == in_create_key(ExternalFailure.STORE_NOT_CONNECTED)
    assert len(proxy.asked) == before
    rig.call("ConnectCustomKeyStore", CustomKeyStoreId=store)
    rig.settled(store)
    assert rig.call("Decrypt", CiphertextBlob=blob)["Plaintext"] == b"4711"


def test_the_proxys_own_words_stay_in_the_log(
    rig: Rig, key: str, proxy: MisbehavingProxy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    proxy.script["Encrypt"] = error("InternalException", 500)
    _, message = refusal(rig, "Encrypt", KeyId=key, Plaintext=b"4711")
    assert "SECRET-WORDS" not in str(message)
    assert "InternalException: SECRET-WORDS-OF-THE-PROXY" in caplog.text


def test_uses_over_the_stores_quota_never_reach_the_proxy(
    tmp_path: Path, runner: asyncio.Runner, authority: trustme.CA, proxy: MisbehavingProxy
) -> None:
    quotas = RequestQuotas(RequestRates(by_store=2), monotonic_ns=lambda: 1_000_000_000_000)
    rig = Rig(tmp_path, runner, authority=authority, ports={HOST: proxy.port}, quotas=quotas)
    try:
        key = rig.create_key(rig.create_connected_store())
        blob = rig.call("Encrypt", KeyId=key, Plaintext=b"4711")["CiphertextBlob"]
        rig.call("Decrypt", CiphertextBlob=blob)
        asked = len(proxy.asked)
        with pytest.raises(AwsError, match="ThrottlingException: You have exceeded the rate at which you may call KMS"):
            rig.call("Decrypt", CiphertextBlob=blob)
        assert len(proxy.asked) == asked
    finally:
        rig.close()


def request_ids(proxy: MisbehavingProxy, kms_operation: str) -> list[str]:
    told = [asked.body["requestMetadata"] for asked in proxy.asked]
    return [each["kmsRequestId"] for each in told if each["kmsOperation"] == kms_operation]


def test_a_request_that_is_tried_again_keeps_its_id(rig: Rig, proxy: MisbehavingProxy) -> None:
    key = rig.create_key(rig.create_connected_store())

    async def hang_once(asked: Asked) -> Answer | None:
        del proxy.script["Encrypt"]
        return await hang(asked)

    proxy.script["Encrypt"] = hang_once
    rig.call("Encrypt", KeyId=key, Plaintext=b"4711")
    first, second = request_ids(proxy, "Encrypt")
    assert first == second


def test_re_encrypt_has_one_id_for_both_of_its_requests(rig: Rig, proxy: MisbehavingProxy) -> None:
    store = rig.create_connected_store()
    proxy.keys["key-2"] = proxy.keys["key-1"]
    source, destination = rig.create_key(store), rig.create_key(store, "key-2")
    blob = rig.call("Encrypt", KeyId=source, Plaintext=b"4711")["CiphertextBlob"]
    rig.call("ReEncrypt", CiphertextBlob=blob, DestinationKeyId=destination)
    assert [asked.operation for asked in proxy.asked[-2:]] == ["Decrypt", "Encrypt"]
    first, second = request_ids(proxy, "ReEncrypt")
    assert first == second
