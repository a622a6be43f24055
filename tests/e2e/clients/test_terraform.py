"""The calls of Terraform's AWS provider, through the SDK under it; and Terraform itself, where it is given.

Its provider is in no package registry and too large to build in a test. HYOK_TEST_TERRAFORM names the folder that
`terraform init -plugin-dir` takes.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest

from hyok.testing.dev_server import DevServer
from tests.e2e.clients.conftest import HERE, TERRAFORM_PLUGINS, RunClient, until_known
from tests.e2e.processes import await_state


class KeyStore(NamedTuple):
    """A key store of the proxy's that KMS has no custom key store for yet."""

    name: str
    uri_endpoint: str
    uri_path: str
    access_key_id: str
    secret_access_key: str

    def variables(self, prefix: str) -> dict[str, str]:
        return {f"{prefix}{name}": value for name, value in self._asdict().items()}


@pytest.fixture
def new_key_store(hyok_dev: DevServer, external_keys: None) -> Callable[[str], KeyStore]:
    """Makes one of this name, with the external key `terraform` in it."""

    def make(name: str) -> KeyStore:
        store = json.loads(hyok_dev.hyok("keystore", "create", name, "--output", "json"))["keystore"]
        hyok_dev.hyok("key", "add", "terraform", "--keystore", name)
        credential = json.loads(hyok_dev.hyok("credential", "create", name, "--output", "json"))["credential"]
        made = KeyStore(
            "terraform",
            hyok_dev.ready_line["proxy"]["uri_endpoint"],
            store["uri_path"],
            credential["access_key_id"],
            credential["secret_access_key"],
        )
        until_known(lambda: make_and_delete_custom_key_store(hyok_dev, made))
        return made

    return make


def make_and_delete_custom_key_store(hyok_dev: DevServer, store: KeyStore) -> None:
    kms = boto3.client("kms", **hyok_dev.client_settings)
    made = kms.create_custom_key_store(
        CustomKeyStoreName="tried",
        CustomKeyStoreType="EXTERNAL_KEY_STORE",
        XksProxyConnectivity="PUBLIC_ENDPOINT",
        XksProxyUriEndpoint=store.uri_endpoint,
        XksProxyUriPath=store.uri_path,
        XksProxyAuthenticationCredential={
            "AccessKeyId": store.access_key_id,
            "RawSecretAccessKey": store.secret_access_key,
        },
    )
    kms.delete_custom_key_store(CustomKeyStoreId=made["CustomKeyStoreId"])


def test_its_calls_apply_change_refresh_and_destroy(
    run_client: RunClient, new_key_store: Callable[[str], KeyStore]
) -> None:
    key_store = new_key_store("terraform-calls")
    variables = {name.upper(): value for name, value in key_store.variables("TEST_").items()}
    found = run_client("terraform", **variables)
    applied, changed = found["applied"], found["changed"]
    assert applied["store"] == {
        "name": "terraform",
        "type": "EXTERNAL_KEY_STORE",
        "cluster": None,
        "endpoint": key_store.uri_endpoint,
        "connectivity": "PUBLIC_ENDPOINT",
        "path": True,
        "credential": True,
    }
    assert policy_sid(applied["key"]) == "root"
    assert applied["key"] == {
        "description": "made by terraform",
        "enabled": True,
        "usage": "ENCRYPT_DECRYPT",
        "spec": "SYMMETRIC_DEFAULT",
        "multi-Region": False,
        "external key": "terraform",
        "in the store": True,
        "tags": {"team": "storage", "empty": ""},
        "rotation": False,
    }
    assert applied["alias"] == changed["alias"] == {"of the key": True, "arn": True}
    assert (
        applied["grant"]
        == changed["grant"]
        == {
            "grantee": "arn:aws:iam::123456789012:role/app",
            "retiring": "arn:aws:iam::123456789012:root",
            "name": "terraform",
            "operations": ["Decrypt", "Encrypt"],
            "constraint": {"Department": "Finance"},
        }
    )
    assert policy_sid(changed["key"]) == "everything"
    assert changed["key"] == applied["key"] | {"description": "changed", "tags": {"team": "platform"}}
    assert changed["store"] == applied["store"] | {"name": "terraform renamed"}
    assert found["data sources"] == {"store": True, "key": "changed"}
    assert found["destroyed"] == {
        "alias is gone": True,
        "key is pending": True,
        "store with a key": "CustomKeyStoreHasCMKsException",
    }
    assert found["account"] == "123456789012"


def policy_sid(key: dict[str, Any]) -> str:
    sid: str = json.loads(key.pop("policy"))["Statement"][0]["Sid"]
    return sid


UNCHANGED, CHANGED = 0, 2
"""How `terraform plan -detailed-exitcode` ends."""


@pytest.mark.skipif(
    TERRAFORM_PLUGINS is None, reason="HYOK_TEST_TERRAFORM names no folder with Terraform's AWS provider"
)
def test_terraform_itself_finds_what_it_made_and_changed_as_it_left_it(
    hyok_dev: DevServer, new_key_store: Callable[[str], KeyStore], tmp_path: Path
) -> None:
    kms = boto3.client("kms", **hyok_dev.client_settings)
    (tmp_path / "main.tf").write_text((HERE / "terraform/main.tf").read_text())
    variables = {
        **new_key_store("terraform-itself").variables("TF_VAR_"),
        "TF_VAR_endpoint": hyok_dev.endpoint,
        "HOME": str(tmp_path),
        "CHECKPOINT_DISABLE": "1",
    }

    def terraform(*arguments: str, status: int = 0) -> str:
        command = ["terraform", *arguments]
        finished = subprocess.run(
            command, cwd=tmp_path, env=os.environ | variables, capture_output=True, text=True, timeout=300
        )
        assert finished.returncode == status, finished.stdout + finished.stderr
        return finished.stdout

    terraform("init", f"-plugin-dir={TERRAFORM_PLUGINS}", "-input=false")
    terraform("apply", "-auto-approve", "-input=false", "-target=aws_kms_custom_key_store.held")
    store = kms.describe_custom_key_stores(CustomKeyStoreName="terraform itself")["CustomKeyStores"][0]
    kms.connect_custom_key_store(CustomKeyStoreId=store["CustomKeyStoreId"])
    await_state(kms, store["CustomKeyStoreId"], "CONNECTED")
    terraform("apply", "-auto-approve", "-input=false")
    assert terraform("output", "-raw", "opened") == "attack at dawn"
    terraform("plan", "-detailed-exitcode", "-input=false", status=UNCHANGED)
    variables |= {"TF_VAR_description": "changed", "TF_VAR_team": "platform", "TF_VAR_store_name": "renamed"}
    terraform("plan", "-detailed-exitcode", "-input=false", status=CHANGED)
    terraform("apply", "-auto-approve", "-input=false")
    terraform("plan", "-detailed-exitcode", "-input=false", status=UNCHANGED)
    terraform("destroy", "-auto-approve", "-input=false")
