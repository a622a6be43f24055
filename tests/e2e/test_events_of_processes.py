"""`hyok proxy serve` with its two workers and `hyok kms serve` with events, a proxy behind a VPC endpoint service."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.e2e.processes import HOST, HYOK, await_connected, deployment

SERVICE = "com.amazonaws.vpce.eu-central-1.vpce-svc-0123456789abcdef0"
SETTINGS = f"""
[kms.events]
directory = "EVENTS"
[kms.quotas]
management_requests = false
custom_key_store_requests = 1800
[[kms.vpc_endpoint_services]]
name = "{SERVICE}"
private_dns_name = "{HOST}"
address = "GATE"
"""


def test_a_store_behind_a_vpc_endpoint_service_is_used_and_both_sides_tell_the_same(tmp_path: Path) -> None:
    events = tmp_path / "events"
    with deployment(tmp_path / "deployment", kms_settings=SETTINGS.replace("EVENTS", str(events))) as running:
        kms = running.client()
        in_vpc = {
            "XksProxyConnectivity": "VPC_ENDPOINT_SERVICE",
            "XksProxyVpcEndpointServiceName": SERVICE,
        }
        parameters = {**running.store_parameters("vpc"), **in_vpc}
        store_id = kms.create_custom_key_store(**parameters)["CustomKeyStoreId"]
        await_connected(kms, store_id)
        key = kms.create_key(Origin="EXTERNAL_KEY_STORE", CustomKeyStoreId=store_id, XksKeyId=running.external_key_id)[
            "KeyMetadata"
        ]["Arn"]
        # New connections each time, so that both workers get some.
        blobs = [running.client().encrypt(KeyId=key, Plaintext=b"4711")["CiphertextBlob"] for _ in range(10)]
        assert all(kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"4711" for blob in blobs)
    command: list[str | Path] = [HYOK, "audit", "reconcile", "--cloudtrail", events, "--delay", "0"]
    options: list[str | Path] = ["--config", running.holder / "hyok.toml", "--output", "json"]
    finished = subprocess.run([*command, *options], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    document = json.loads(finished.stdout)
    assert (document["clean"], document["matched"]) == (True, 21)
    assert not list(events.rglob("*.partial")), "what was begun is delivered at the end"
