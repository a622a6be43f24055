"""Canaries: secrets and plaintexts of a whole run, looked for in everything that the run wrote in clear."""

from __future__ import annotations

import base64
import json
import sqlite3
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e.processes import Deployment, await_connected, deployment

PLAINTEXT = b"CANARY-plaintext-5f1c0d9e7b"
DATA_KEY_PROBE = b"CANARY-second-plaintext-77ab"


class Wrote:
    """All that a deployment wrote, and what must not be in it."""

    def __init__(self, directory: Path, canaries: dict[str, bytes], errors: list[str]) -> None:
        self.directory = directory
        self.canaries = canaries
        self.errors = errors


def encodings(canary: bytes) -> Iterator[bytes]:
    """Yield how a value may look in a log: as it is, in hex, in Base64 at each offset, as a repr, in a URL."""
    yield canary
    yield canary.hex().encode()
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + canary).decode()
        yield encoded[4:-4].encode() if offset else encoded.rstrip("=")[:-1].encode()
    yield repr(canary)[2:-1].encode()
    yield urllib.parse.quote(canary).encode()


@pytest.fixture(scope="module")
def wrote(tmp_path_factory: pytest.TempPathFactory) -> Wrote:
    directory = tmp_path_factory.mktemp("canaries")
    with deployment(directory) as deployed:
        errors, data_key = use(deployed)
        canaries = {
            "plaintext": PLAINTEXT,
            "second plaintext": DATA_KEY_PROBE,
            "data key": data_key,
            "secret access key": deployed.credential.secret_access_key.encode(),
            "holder's root key": root_key(deployed.holder),
            "KMS's root key": root_key(deployed.kms),
        }
    return Wrote(directory, canaries, errors)


def use(deployed: Deployment) -> tuple[list[str], bytes]:
    """Make every kind of call, good and bad; returns the texts of the errors and a data key."""
    kms = deployed.client()
    store_id = kms.create_custom_key_store(**deployed.store_parameters("canaries"))["CustomKeyStoreId"]
    await_connected(kms, store_id)
    key_id = kms.create_key(Origin="EXTERNAL_KEY_STORE", CustomKeyStoreId=store_id, XksKeyId=deployed.external_key_id)[
        "KeyMetadata"
    ]["KeyId"]
    blob = kms.encrypt(KeyId=key_id, Plaintext=PLAINTEXT)["CiphertextBlob"]
    data_key: bytes = kms.generate_data_key(KeyId=key_id, KeySpec="AES_256")["Plaintext"]
    kms.decrypt(CiphertextBlob=blob)
    errors = []
    wrong_secret = deployed.store_parameters("canaries 2") | {"XksProxyUriPath": "/nowhere/kms/xks/v1"}
    attempts: list[tuple[Any, dict[str, Any]]] = [
        (kms.decrypt, {"CiphertextBlob": blob[:-1] + bytes([blob[-1] ^ 1])}),
        (kms.decrypt, {"CiphertextBlob": PLAINTEXT}),
        (kms.encrypt, {"KeyId": key_id, "Plaintext": PLAINTEXT * 200}),
        (kms.encrypt, {"KeyId": "alias/none", "Plaintext": DATA_KEY_PROBE}),
        (kms.encrypt, {"KeyId": key_id, "Plaintext": DATA_KEY_PROBE, "EncryptionContext": {"a": "b" * 9000}}),
        (kms.create_custom_key_store, wrong_secret),
        (kms.create_custom_key_store, deployed.store_parameters("x" * 300)),
    ]
    for call, parameters in attempts:
        with pytest.raises(ClientError) as raised:
            call(**parameters)
        errors.append(json.dumps(raised.value.response, default=str))
    return errors, data_key


def root_key(directory: Path) -> bytes:
    return base64.b64decode((directory / "root.key").read_bytes().split()[1])


def test_nothing_that_was_written_holds_a_canary(wrote: Wrote) -> None:
    kept_on_purpose = {"root.key"}
    found = [
        (name, file.relative_to(wrote.directory))
        for file in wrote.directory.rglob("*")
        if file.is_file() and file.name not in kept_on_purpose
        for name, canary in wrote.canaries.items()
        if any(encoded in file.read_bytes() for encoded in encodings(canary))
    ]
    assert not found


def test_no_error_holds_a_canary(wrote: Wrote) -> None:
    for text in wrote.errors:
        for name, canary in wrote.canaries.items():
            assert not any(encoded in text.encode() for encoded in encodings(canary)), (name, text)


def test_the_search_finds_what_is_there(wrote: Wrote, tmp_path: Path) -> None:
    for name, canary in wrote.canaries.items():
        for shown in (canary, base64.b64encode(b"x" + canary + b"y"), canary.hex().encode()):
            assert any(encoded in b"before " + shown + b" after" for encoded in encodings(canary)), name


def test_the_run_left_records_to_search(wrote: Wrote) -> None:
    records = [
        json.loads(line)
        for file in (wrote.directory / "holder/audit").rglob("*.jsonl")
        for line in file.read_text().splitlines()
    ]
    assert {"Encrypt", "Decrypt", "GetHealthStatus", "GetKeyMetadata"} <= {
        record.get("operation") for record in records
    }
    database = sqlite3.connect(wrote.directory / "kms/kms.db")
    assert database.execute("select count(*) from backing_keys").fetchone()[0] >= 1
    database.close()
