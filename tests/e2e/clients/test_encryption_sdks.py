"""The AWS Encryption SDKs of JavaScript and Python read one another's messages under a key in an external key store."""

from __future__ import annotations

import base64

import aws_encryption_sdk
import botocore.session
import pytest
from aws_encryption_sdk.key_providers.kms import StrictAwsKmsMasterKeyProvider

from hyok.testing.dev_server import DevServer
from tests.e2e.clients.conftest import RunClient


def test_what_one_encryption_sdk_wrote_the_other_reads(
    hyok_dev: DevServer, run_client: RunClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in hyok_dev.environment.items():
        monkeypatch.setenv(name, value)
    provider = StrictAwsKmsMasterKeyProvider(key_ids=[hyok_dev.key_arn], botocore_session=botocore.session.Session())
    python = aws_encryption_sdk.EncryptionSDKClient()
    from_python, _ = python.encrypt(source=b"written in Python", key_provider=provider)
    found = run_client(
        "encryption-sdk-javascript",
        TEST_KEY_ARN=hyok_dev.key_arn,
        TEST_MESSAGE=base64.b64encode(from_python).decode(),
    )
    from_javascript = base64.b64decode(found.pop("message"))
    assert found == {"same": True, "hidden": True, "customer": "nile", "foreign": "written in Python"}
    plaintext, header = python.decrypt(source=from_javascript, key_provider=provider)
    assert plaintext == (b"attack at dawn" * 7143)[:100_000]
    assert header.encryption_context["customer"] == "nile"
