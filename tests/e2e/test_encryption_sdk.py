"""The AWS Encryption SDK for Python, unmodified, with a key in an external key store as its wrapping key."""

from __future__ import annotations

import time
from typing import Any

import aws_encryption_sdk
import botocore.session
import pytest
from aws_encryption_sdk.identifiers import CommitmentPolicy
from aws_encryption_sdk.key_providers.kms import StrictAwsKmsMasterKeyProvider

from tests.e2e.conftest import Protected

PLAINTEXT = bytes(range(256)) * 400
CONTEXT = {"customer": "nile"}
CACHE_SECONDS = 8.0
"""Long enough for a freeze on a busy machine."""


@pytest.fixture
def provider(protected: Protected, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", protected.deployment.endpoint)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    session = botocore.session.Session()
    session.set_credentials("test", "test")
    return StrictAwsKmsMasterKeyProvider(key_ids=[protected.key_arn], botocore_session=session)


def make_client() -> Any:
    return aws_encryption_sdk.EncryptionSDKClient(commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)


def test_a_message_comes_back_with_its_context(provider: Any) -> None:
    client = make_client()
    message, _ = client.encrypt(source=PLAINTEXT, key_provider=provider, encryption_context=CONTEXT)
    assert PLAINTEXT[:64] not in message
    plaintext, header = client.decrypt(source=message, key_provider=provider)
    assert plaintext == PLAINTEXT
    assert header.encryption_context["customer"] == "nile"


def test_a_message_is_lost_while_the_store_is_disconnected(provider: Any, protected: Protected) -> None:
    from aws_encryption_sdk.exceptions import AWSEncryptionSDKClientError

    from tests.e2e.processes import await_connected, await_state

    client = make_client()
    message, _ = client.encrypt(source=PLAINTEXT, key_provider=provider)
    protected.kms.disconnect_custom_key_store(CustomKeyStoreId=protected.store_id)
    await_state(protected.kms, protected.store_id, "DISCONNECTED")
    try:
        with pytest.raises(AWSEncryptionSDKClientError):
            client.decrypt(source=message, key_provider=provider)
    finally:
        await_connected(protected.kms, protected.store_id)
    assert client.decrypt(source=message, key_provider=provider)[0] == PLAINTEXT


def test_a_cached_data_key_outlives_a_freeze_until_its_cache_expires_and_no_longer(
    provider: Any, protected: Protected
) -> None:
    from aws_encryption_sdk import CachingCryptoMaterialsManager, LocalCryptoMaterialsCache
    from aws_encryption_sdk.exceptions import AWSEncryptionSDKClientError

    client = make_client()
    caching = CachingCryptoMaterialsManager(
        master_key_provider=provider, cache=LocalCryptoMaterialsCache(10), max_age=CACHE_SECONDS
    )
    message, _ = client.encrypt(source=PLAINTEXT, key_provider=provider)
    cached_at = time.monotonic()
    client.decrypt(source=message, materials_manager=caching)
    scope = ("--keystore", "main", "--key", protected.deployment.external_key_id)
    protected.deployment.hyok("freeze", *scope, "--yes", "--output", "json")
    try:
        # 1. AWS KMS is asked no more, so that nobody can refuse.
        assert client.decrypt(source=message, materials_manager=caching)[0] == PLAINTEXT
        assert time.monotonic() - cached_at < CACHE_SECONDS
        # 2. Whoever has to ask is refused.
        with pytest.raises(AWSEncryptionSDKClientError):
            client.decrypt(source=message, key_provider=provider)
        # 3. Once the cache has expired, so is the cache's owner.
        time.sleep(max(0.0, cached_at + CACHE_SECONDS + 1 - time.monotonic()))
        with pytest.raises(AWSEncryptionSDKClientError):
            client.decrypt(source=message, materials_manager=caching)
    finally:
        protected.deployment.hyok("unfreeze", *scope, "--yes", "--output", "json")
    assert client.decrypt(source=message, materials_manager=caching)[0] == PLAINTEXT
