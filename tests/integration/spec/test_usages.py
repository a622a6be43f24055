"""What keys may be used for, over the wire: made by the command, enforced by the proxy, shown by GetKeyMetadata."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.spec.running import RunningProxy
from tests.integration.spec.wire import Answer, WireClient, eventually

UNPROVEN: dict[str, Any] = {"ciphertextDataIntegrityValueAlgorithm": None}


@pytest.fixture(scope="module")
def keys(proxy: RunningProxy) -> RunningProxy:
    """Keys whose id is their usage, and `disabled`."""
    for usage in ("encrypt", "decrypt", "both"):
        proxy.hyok("key", "create", f"for-{usage}", "--keystore", "main", "--usage", usage)
    proxy.hyok("key", "create", "disabled", "--keystore", "main")
    proxy.hyok("key", "disable", "disabled", "--yes")

    def are_known() -> bool:
        with proxy.connect() as client:
            return bool(client.describe("disabled").content.get("keyStatus") == "DISABLED")

    eventually(lambda: all(are_known() for _ in range(6)))
    return proxy


@pytest.fixture
def client(keys: RunningProxy) -> Iterator[WireClient]:
    with keys.connect() as client:
        yield client


def outcome(answer: Answer) -> str:
    return "done" if answer.status == 200 else str(answer.content["errorName"])


@pytest.mark.parametrize(
    ("key_id", "usages", "status"),
    [
        ("for-both", ["DECRYPT", "ENCRYPT"], "ENABLED"),
        ("for-encrypt", ["ENCRYPT"], "ENABLED"),
        ("for-decrypt", ["DECRYPT"], "ENABLED"),
        ("disabled", ["DECRYPT", "ENCRYPT"], "DISABLED"),
    ],
)
def test_a_keys_usages_and_status_are_shown(client: WireClient, key_id: str, usages: list[str], status: str) -> None:
    shown = client.describe(key_id).content
    assert shown == {"keySpec": "AES_256", "keyUsage": shown["keyUsage"], "keyStatus": status}
    assert sorted(shown["keyUsage"]) == usages


@pytest.mark.parametrize(
    ("key_id", "encrypted", "proven", "decrypted"),
    [
        ("for-both", "done", "done", "done"),
        ("for-encrypt", "done", "InvalidKeyUsageException", "InvalidKeyUsageException"),
        ("for-decrypt", "InvalidKeyUsageException", "InvalidKeyUsageException", "InvalidCiphertextException"),
        ("disabled", "InvalidStateException", "InvalidStateException", "InvalidStateException"),
    ],
)
def test_a_key_does_what_it_is_for_and_nothing_else(
    client: WireClient, key_id: str, encrypted: str, proven: str, decrypted: str
) -> None:
    assert outcome(client.encrypt(key_id, **UNPROVEN)) == encrypted
    assert outcome(client.encrypt(key_id)) == proven
    under_another_key = client.encrypt("for-both", **UNPROVEN).content
    own = client.encrypt(key_id, **UNPROVEN)
    sealed = own.content if own.status == 200 else under_another_key
    assert outcome(client.decrypt(key_id, sealed)) == decrypted
