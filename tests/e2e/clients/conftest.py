"""One `hyok dev` for all clients, through the fixture that hyok ships, and the programs that they are."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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
CHANGE_SECONDS = 1.0
"""Within which a running proxy knows a new key."""
TRUST = {"go": "AWS_CA_BUNDLE", "javascript": "NODE_EXTRA_CA_CERTS"}
"""The programs that come over TLS, and the variable that tells them whom to trust; the others come without."""
RunClient = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def external_keys(hyok_dev: DevServer) -> None:
    """An external key for each program that makes a KMS key of its own, by its name, known to the proxy."""
    for name in ("go", "java", "javascript", "terraform"):
        hyok_dev.hyok("key", "create", name, "--keystore", "dev")
    time.sleep(CHANGE_SECONDS)


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
