"""The calls of Terraform's AWS provider, through the SDK under it; itself it is too large to build in a test."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from hyok.testing.dev_server import DevServer
from tests.e2e.clients.conftest import CHANGE_SECONDS, RunClient


@pytest.fixture
def second_key_store(hyok_dev: DevServer, external_keys: None) -> dict[str, str]:
    """What the provider has to know of a key store that KMS has no custom key store for yet."""
    store = json.loads(hyok_dev.hyok("keystore", "create", "terraform", "--output", "json"))["keystore"]
    credential = json.loads(hyok_dev.hyok("credential", "create", "terraform", "--output", "json"))["credential"]
    hyok_dev.hyok("key", "add", "terraform", "--keystore", "terraform")
    time.sleep(CHANGE_SECONDS)
    return {
        "TEST_URI_ENDPOINT": hyok_dev.ready_line["proxy"]["uri_endpoint"],
        "TEST_URI_PATH": store["uri_path"],
        "TEST_ACCESS_KEY_ID": credential["access_key_id"],
        "TEST_SECRET_ACCESS_KEY": credential["secret_access_key"],
    }


def test_terraform_applies_changes_refreshes_and_destroys(
    run_client: RunClient, second_key_store: dict[str, str]
) -> None:
    found = run_client("terraform", TEST_NAME="terraform", **second_key_store)
    applied, changed = found["applied"], found["changed"]
    assert applied["store"] == {
        "name": "terraform",
        "type": "EXTERNAL_KEY_STORE",
        "cluster": None,
        "endpoint": second_key_store["TEST_URI_ENDPOINT"],
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
