"""`hyok dev` as a newcomer runs it: a process, its output, its ports, its end."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.e2e.processes import HYOK


def run_once(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HYOK, "dev", "--once", "--port-base", "0", *arguments], capture_output=True, text=True)


@contextmanager
def dev(*arguments: str) -> Iterator[tuple[dict[str, Any], subprocess.Popen[str]]]:
    """Run `hyok dev --output json`; yields its line and the process, and stops it as Ctrl-C does."""
    command: list[str | Path] = [HYOK, "dev", "--output", "json", "--port-base", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline()), process
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=15) == 0


def test_the_walk_through_shows_every_step(tmp_path: Path) -> None:
    finished = run_once("--data", str(tmp_path / "data"))
    assert finished.returncode == 0, finished.stderr
    shown = finished.stdout
    for step in ("1  ", "2  ", "3  ", "4  ", "5  "):
        assert f"\n{step}" in shown
    hops = ("application → KMS", "inside KMS", "KMS → proxy", "proxy → key manager", "KMS → application")
    for words in (
        "CONNECTING → CONNECTED",
        *hops,
        "is back, byte for byte",
        "KMSInvalidStateException",
        "IncorrectKeyException",
        "no 32 bytes of it open the object",
        "DISCONNECTING → DISCONNECTED",
        "works again",
    ):
        assert words in shown, words
    assert "\x1b" not in shown, "colour off a terminal"


def test_what_one_start_encrypted_a_second_decrypts(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert run_once("--data", str(data)).returncode == 0
    again = run_once("--data", str(data))
    assert again.returncode == 0, again.stderr
    assert "What an earlier start protected is still there" in again.stdout
    with dev("--data", str(data)) as (ready, _):
        client = make_client(ready, ready["kms"]["endpoint"])
        blob = client.encrypt(KeyId="alias/hyok-dev", Plaintext=b"kept")["CiphertextBlob"]
    with dev("--data", str(data)) as (ready, _):
        assert make_client(ready, ready["kms"]["endpoint"]).decrypt(CiphertextBlob=blob)["Plaintext"] == b"kept"


def test_the_settings_of_a_kept_start_are_those_of_its_files(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert run_once("--data", str(data)).returncode == 0
    settings = data / "kms/hyok.toml"
    settings.write_text(settings.read_text().replace("[kms]\n", "[kms]\nconnection_delay_seconds = 3600.0\n"))
    with dev("--data", str(data)) as (ready, _):
        client, store = make_client(ready, ready["kms"]["endpoint"]), ready["custom_key_store"]["id"]
        client.disconnect_custom_key_store(CustomKeyStoreId=store)
        time.sleep(0.5)  # the usual delay is less than half of it
        found = client.describe_custom_key_stores(CustomKeyStoreId=store)["CustomKeyStores"][0]
        assert found["ConnectionState"] == "DISCONNECTING"


def test_there_is_no_quota_until_its_line_in_the_file_says_so(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with dev("--data", str(data)) as (ready, _):
        client = make_client(ready, ready["kms"]["endpoint"])
        for number in range(60):
            client.create_alias(AliasName=f"alias/{number}", TargetKeyId=ready["key"]["arn"])
    settings = data / "kms/hyok.toml"
    settings.write_text(settings.read_text().replace("aliases_per_key = 0", "aliases_per_key = 50"))
    with dev("--data", str(data)) as (ready, _):
        client = make_client(ready, ready["kms"]["endpoint"])
        with pytest.raises(client.exceptions.LimitExceededException):
            client.create_alias(AliasName="alias/60", TargetKeyId=ready["key"]["arn"])


def make_client(ready: dict[str, Any], endpoint: str, **parameters: Any) -> Any:
    return boto3.client(
        "kms",
        endpoint_url=endpoint,
        region_name=ready["kms"]["region"],
        aws_access_key_id="test",
        aws_secret_access_key="test",
        **parameters,
    )


def test_the_ready_line_leads_to_everything() -> None:
    with dev() as (ready, _):
        plain = make_client(ready, ready["kms"]["endpoint"])
        secured = make_client(ready, ready["kms"]["tls_endpoint"], verify=ready["ca_bundle"])
        metadata = secured.describe_key(KeyId=ready["key"]["alias"])["KeyMetadata"]
        assert metadata["Arn"] == ready["key"]["arn"]
        assert metadata["XksKeyConfiguration"]["Id"] == ready["key"]["xks_key_id"]
        assert metadata["CustomKeyStoreId"] == ready["custom_key_store"]["id"]
        store = plain.describe_custom_key_stores()["CustomKeyStores"][0]["XksProxyConfiguration"]
        assert store["AccessKeyId"] == ready["proxy"]["access_key_id"]
        assert store["UriEndpoint"] == ready["proxy"]["uri_endpoint"]
        assert store["UriPath"] == ready["proxy"]["uri_path"]
        host, _, port = ready["proxy"]["address"].partition(":")
        socket.create_connection((host, int(port)), timeout=2).close()
        data = Path(ready["data"])
        assert data.is_dir()
    assert not data.exists(), "temporary data is deleted at the end"


def test_a_port_in_use_is_one_sentence_and_exit_status_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        finished = subprocess.run([HYOK, "dev", "--port-base", str(port)], capture_output=True, text=True)
    assert finished.returncode == 2
    assert finished.stderr.count("\n") == 1
    assert f"127.0.0.1:{port}" in finished.stderr


def test_an_unwritable_data_directory_is_one_sentence_and_exit_status_2(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    finished = run_once("--data", str(tmp_path / "file"))
    assert finished.returncode == 2
    assert finished.stderr.count("\n") == 1
    assert "Traceback" not in finished.stderr


def test_a_wrong_root_key_is_refused_and_nothing_touched(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert run_once("--data", str(data)).returncode == 0
    assert run_once("--data", str(tmp_path / "other")).returncode == 0
    key = data / "holder/root.key"
    right = key.read_bytes()
    key.write_bytes((tmp_path / "other/holder/root.key").read_bytes())
    before = (data / "holder/hyok.db").read_bytes()
    refused = run_once("--data", str(data))
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert "root key" in refused.stderr
    assert (data / "holder/hyok.db").read_bytes() == before
    key.write_bytes(right)
    assert run_once("--data", str(data)).returncode == 0
