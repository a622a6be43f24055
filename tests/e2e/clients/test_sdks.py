"""The AWS SDKs of other languages, unmodified, as processes of their own on a KMS key in an external key store."""

from __future__ import annotations

import boto3
import pytest

from hyok.testing.dev_server import DevServer
from tests.e2e.clients.conftest import RunClient
from tests.e2e.clients.scenario import expected


@pytest.mark.usefixtures("external_keys")
@pytest.mark.parametrize("language", ["go", "java", "javascript"])
def test_the_sdk_sees_what_every_client_sees(hyok_dev: DevServer, run_client: RunClient, language: str) -> None:
    found = run_client(language, TEST_STORE_ID=hyok_dev.custom_key_store_id, TEST_NAME=language)
    kms = boto3.client("kms", **hyok_dev.client_settings)
    made = kms.describe_key(KeyId=f"alias/{language}")["KeyMetadata"]
    assert found == expected(name=language, key_arn=made["Arn"])
