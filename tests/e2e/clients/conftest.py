"""One `hyok dev` for all clients, through the fixture that hyok ships, and the programs that they are."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import boto3
import pytest
from botocore.exceptions import ClientError

from hyok.testing.dev_server import DevServer

HERE = Path(__file__).parent
PROGRAMS: dict[str, tuple[str, ...]] = {
    "go": ("go/target/client",),
    "java": (
        "java",
        "-XX:TieredStopAtLevel=1",
        "-Dfile.encoding=UTF-8",
        "-cp",
        "java/target/classes:java/target/libraries/*",
        "Client",
    ),
    "javascript": ("node", "javascript/scenario.mjs"),
    "encryption-sdk-javascript": ("node", "javascript/encryption_sdk.mjs"),
    "terraform": ("go/target/client", "terraform"),
}
TERRAFORM_PLUGINS = os.environ.get("HYOK_TEST_TERRAFORM")
"""Where Terraform finds its AWS provider, if it is to be tested itself: no package registry has the provider."""
T = TypeVar("T")
CHANGE_TRIES = 200
TRUST = {"go": "AWS_CA_BUNDLE", "javascript": "NODE_EXTRA_CA_CERTS"}
"""The programs that come over TLS, and the variable that tells them whom to trust; the others come without."""
RunClient = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def external_keys(hyok_dev: DevServer) -> None:
    """An external key for each program that makes a KMS key of its own, by its name, known to the proxy."""
    for name in ("go", "java", "javascript", "terraform", "last"):
        hyok_dev.hyok("key", "create", name, "--keystore", "dev")
    kms = boto3.client("kms", **hyok_dev.client_settings)
    store = hyok_dev.custom_key_store_id
    # A proxy learns of changes in their order: once it has the last one, it has them all.
    until_known(lambda: kms.create_key(Origin="EXTERNAL_KEY_STORE", CustomKeyStoreId=store, XksKeyId="last"))


def until_known(call: Callable[[], T]) -> T:
    """Make a call until the proxy knows what it is about: within a second, unless the machine is busy."""
    for _ in range(CHANGE_TRIES):
        try:
            return call()
        except ClientError:
            time.sleep(0.1)
    return call()


def tls_variables(name: str, hyok_dev: DevServer) -> dict[str, str]:
    if name not in TRUST:
        return {}
    return {"AWS_ENDPOINT_URL_KMS": hyok_dev.tls_endpoint, TRUST[name]: str(hyok_dev.ca_bundle)}


@pytest.fixture(scope="session")
def run_client(hyok_dev: DevServer) -> RunClient:
    """Runs one of the programs with the variables given and returns the document that it prints."""

    def run(name: str, **variables: str) -> dict[str, Any]:
        made = HERE / name.removeprefix("encryption-sdk-").replace("terraform", "go") / "target/.made-for"
        assert made.exists(), "the clients in other languages are not made: run scripts/clients (scripts/test does)"
        finished = subprocess.run(
            PROGRAMS[name],
            cwd=HERE,
            env=os.environ | hyok_dev.environment | tls_variables(name, hyok_dev) | variables,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert finished.returncode == 0, finished.stderr
        document: dict[str, Any] = json.loads(finished.stdout)
        return document

    return run
