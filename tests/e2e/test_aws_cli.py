"""The AWS CLI, unmodified, as a process of its own."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.e2e.conftest import Protected
from tests.e2e.processes import HOST, REGION, Deployment, await_state
from tests.e2e.test_failures import CHANGE_SECONDS, second_key_store

AWS = Path(sys.executable).with_name("aws")
USER = "arn:aws:iam::123456789012:user/app"


def aws(deployed: Deployment, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(deployed.kms.parent),
        "AWS_ENDPOINT_URL": deployed.endpoint,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_MAX_ATTEMPTS": "1",
    }
    return subprocess.run([AWS, *arguments], env=environment, capture_output=True, text=True)


def aws_json(deployed: Deployment, *arguments: str) -> Any:
    finished = aws(deployed, *arguments, "--output", "json")
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


def blob_file(directory: Path, blob: str) -> str:
    """Return how the CLI is told to read a blob: version 1 takes an argument's bytes as they are."""
    (directory / "blob").write_bytes(base64.b64decode(blob))
    return f"fileb://{directory / 'blob'}"


def test_the_cli_protects_a_data_key_and_gets_it_back(protected: Protected, tmp_path: Path) -> None:
    deployed = protected.deployment
    context = ("--encryption-context", "customer=nile")
    key = aws_json(
        deployed, "kms", "generate-data-key", "--key-id", "alias/protected", "--key-spec", "AES_256", *context
    )
    assert len(base64.b64decode(key["Plaintext"])) == 32
    opened = aws_json(
        deployed, "kms", "decrypt", "--ciphertext-blob", blob_file(tmp_path, key["CiphertextBlob"]), *context
    )
    assert opened["Plaintext"] == key["Plaintext"]
    assert opened["KeyId"] == protected.key_arn


def test_the_cli_shows_awss_error_for_a_wrong_context(protected: Protected, tmp_path: Path) -> None:
    deployed = protected.deployment
    key = aws_json(deployed, "kms", "generate-data-key", "--key-id", "alias/protected", "--key-spec", "AES_256")
    refused = aws(
        deployed,
        "kms",
        "decrypt",
        "--ciphertext-blob",
        blob_file(tmp_path, key["CiphertextBlob"]),
        "--encryption-context",
        "customer=nile",
    )
    assert refused.returncode != 0
    assert (
        "An error occurred (KMSInvalidStateException) when calling the Decrypt operation: The external key store"
        in (refused.stderr)
    )


def test_the_cli_describes_a_key_store(protected: Protected) -> None:
    deployed = protected.deployment
    stores = aws_json(deployed, "kms", "describe-custom-key-stores", "--custom-key-store-name", "main")
    assert stores["CustomKeyStores"][0]["CustomKeyStoreId"] == protected.store_id
    assert deployed.credential.secret_access_key not in json.dumps(stores)
    identity = aws_json(deployed, "sts", "get-caller-identity")
    assert identity["Account"] == "123456789012"


def test_the_cli_makes_a_key_store_and_a_key_and_ends_them(protected: Protected, tmp_path: Path) -> None:
    deployed = protected.deployment
    second = second_key_store(deployed)
    deployed.hyok("key", "create", "of-the-cli", "--keystore", second["name"])
    time.sleep(CHANGE_SECONDS)

    def kms(operation: str, **options: str) -> Any:
        arguments = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", value)]
        finished = aws(deployed, "kms", operation, *arguments, "--output", "json")
        assert finished.returncode == 0, finished.stderr
        return json.loads(finished.stdout or "null")

    # Version 1 of the CLI would fetch what looks like an address.
    aws(deployed, "configure", "set", "cli_follow_urlparam", "false")
    credential = f"AccessKeyId={second['access_key_id']},RawSecretAccessKey={second['secret_access_key']}"
    store = kms(
        "create-custom-key-store",
        custom_key_store_name="of the CLI",
        custom_key_store_type="EXTERNAL_KEY_STORE",
        xks_proxy_connectivity="PUBLIC_ENDPOINT",
        xks_proxy_uri_endpoint=f"https://{HOST}",
        xks_proxy_uri_path=second["uri_path"],
        xks_proxy_authentication_credential=credential,
    )["CustomKeyStoreId"]
    kms("connect-custom-key-store", custom_key_store_id=store)
    await_state(protected.kms, store, "CONNECTED")
    made = kms("create-key", origin="EXTERNAL_KEY_STORE", custom_key_store_id=store, xks_key_id="of-the-cli")
    arn = made["KeyMetadata"]["Arn"]
    sealed = kms("encrypt", key_id=arn, plaintext="YXR0YWNr")
    blob = blob_file(tmp_path, sealed["CiphertextBlob"])
    moved = kms("re-encrypt", ciphertext_blob=blob, destination_key_id=protected.key_id)
    assert (moved["SourceKeyId"], moved["KeyId"]) == (arn, protected.key_arn)
    kms("create-grant", key_id=arn, grantee_principal=USER, operations="Decrypt")
    assert [grant["GranteePrincipal"] for grant in protected.kms.list_grants(KeyId=arn)["Grants"]] == [USER]
    kms("disable-key", key_id=arn)
    refused = aws(deployed, "kms", "encrypt", "--key-id", arn, "--plaintext", "YXR0YWNr")
    assert f"An error occurred (DisabledException) when calling the Encrypt operation: {arn} is disabled." in (
        refused.stderr
    )
    assert kms("schedule-key-deletion", key_id=arn, pending_window_in_days="7")["KeyState"] == "PendingDeletion"
