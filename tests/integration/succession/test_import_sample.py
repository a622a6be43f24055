"""A site moves from AWS's sample proxy to hyok, over the same HSM: every old ciphertext decrypts."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hyok.keymanagers.pkcs11.modules import Modules
from tests.e2e.processes import Credential
from tests.integration.pkcs11.softhsm import SOFTHSM, SoftHsm, import_key
from tests.integration.spec.running import HYOK, RunningProxy, running_proxy
from tests.integration.spec.wire import WireClient, eventually
from tests.integration.succession.settings import (
    ACCESS_KEY_ID,
    OTHER_ACCESS_KEY_ID,
    PREFIX,
    SECRET,
    sample_settings,
)
from tests.unit.proxy.stage import from_base64, to_base64

SAMPLE = json.loads((Path(__file__).parents[2] / "vectors" / "aws-sample-proxy.json").read_text())
MATERIAL = bytes.fromhex(SAMPLE["external_key_hex"])
METADATA = next(case["encrypt_response"]["ciphertextMetadata"] for case in SAMPLE["cases"] if case["static_metadata"])
CREDENTIAL = Credential(ACCESS_KEY_ID, SECRET)
URI_PATH = f"{PREFIX}/kms/xks/v1"


def import_sample(directory: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    settings = directory / "settings.toml"
    settings.write_text(text)
    command: list[str | Path] = [
        HYOK,
        "keystore",
        "import-sample",
        settings,
        "--config",
        directory / "hyok.toml",
        *options,
    ]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftHsm]:
    """The token of the sample, with the key under which its answers were recorded."""
    directory = tmp_path_factory.mktemp("tokens")
    with pytest.MonkeyPatch.context() as environment:
        hsm = SoftHsm(directory, environment)
        import_key(Modules().open(SOFTHSM), hsm.make_token("sample"), label="foo", material=MATERIAL)
        yield hsm


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory, hsm: SoftHsm) -> Iterator[RunningProxy]:
    def configure(directory: Path) -> None:
        imported = import_sample(directory, sample_settings(metadata=METADATA), "--yes", "--output", "json")
        assert imported.returncode == 0, imported.stderr
        store, root_store = json.loads(imported.stdout)["keystores"]
        assert store == {
            "name": "finance-payroll",
            "uri_path": URI_PATH,
            "access_key_id": ACCESS_KEY_ID,
            "key_ids": ["foo"],
            "missing_key_ids": [],
            "predecessors": [f"aws-sample:{METADATA}", "aws-sample"],
        }
        assert (root_store["name"], root_store["uri_path"]) == ("aws-sample", "/kms/xks/v1")

    with running_proxy(tmp_path_factory.mktemp("successor") / "holder", configure=configure) as running:
        yield running


@pytest.fixture
def client(proxy: RunningProxy) -> Iterator[WireClient]:
    with proxy.connect(credential=CREDENTIAL, uri_path=URI_PATH) as client:
        yield client


def aad_of(case: dict[str, Any]) -> dict[str, str]:
    name = "additionalAuthenticatedData"
    asked = case["encrypt_request"]
    return {name: asked[name]} if name in asked else {}


@pytest.mark.parametrize("case", SAMPLE["cases"], ids=lambda case: f"{case['aad']} {case['static_metadata']}")
def test_everything_that_the_sample_encrypted_is_decrypted(client: WireClient, case: dict[str, Any]) -> None:
    decrypted = client.decrypt("foo", case["encrypt_response"], **aad_of(case))
    assert (decrypted.status, decrypted.content) == (200, {"plaintext": case["encrypt_request"]["plaintext"]})


def test_what_was_altered_of_it_is_refused_as_ever(client: WireClient) -> None:
    case = next(case for case in SAMPLE["cases"] if case["static_metadata"] and aad_of(case))
    sealed, aad = case["encrypt_response"], aad_of(case)
    altered = (
        sealed | {"authenticationTag": to_base64(bytes(16))},
        sealed | {"ciphertextMetadata": to_base64(b"another")},
        {name: value for name, value in sealed.items() if name != "ciphertextMetadata"},
    )
    for each in altered:
        refused = client.decrypt("foo", each, **aad)
        assert (refused.status, refused.content["errorName"]) == (400, "InvalidCiphertextException")
    refused = client.decrypt("foo", sealed, additionalAuthenticatedData=to_base64(b"another"))
    assert (refused.status, refused.content["errorName"]) == (400, "InvalidCiphertextException")


def test_what_is_new_is_written_to_the_specification(client: WireClient, proxy: RunningProxy) -> None:
    encrypted = client.encrypt("foo", b"new", additionalAuthenticatedData=to_base64(b"a=b"))
    assert from_base64(encrypted.content["ciphertextMetadata"]) == b"\x01\x00\x00\x00\x01"
    framed = b"\x00\x03a=b\x05\x01\x00\x00\x00\x01"
    sealed = [
        from_base64(encrypted.content[name]) for name in ("initializationVector", "ciphertext", "authenticationTag")
    ]
    assert AESGCM(MATERIAL).decrypt(sealed[0], sealed[1] + sealed[2], framed) == b"new"
    assert client.decrypt("foo", encrypted.content, additionalAuthenticatedData=to_base64(b"a=b")).status == 200
    old = SAMPLE["cases"][0]
    client.decrypt("foo", old["encrypt_response"], **aad_of(old))
    assert [record.get("predecessor", "") for record in proxy.records()[-2:]] == ["", "aws-sample"]


def test_what_a_proxy_wrote_that_passes_the_raw_aad_is_decrypted_when_it_is_named(
    client: WireClient, proxy: RunningProxy
) -> None:
    iv = os.urandom(12)
    sealed = AESGCM(MATERIAL).encrypt(iv, b"of another proxy", b"a=b")
    old = {
        "ciphertext": to_base64(sealed[:-16]),
        "initializationVector": to_base64(iv),
        "authenticationTag": to_base64(sealed[-16:]),
    }
    aad = to_base64(b"a=b")
    assert client.decrypt("foo", old, additionalAuthenticatedData=aad).status == 400
    named = ("--predecessor", "raw-aad", "--predecessor", "aws-sample", "--predecessor", f"aws-sample:{METADATA}")
    proxy.hyok("keystore", "update", "finance-payroll", *named)
    eventually(lambda: client.decrypt("foo", old, additionalAuthenticatedData=aad).status == 200)
    case = SAMPLE["cases"][0]
    assert client.decrypt("foo", case["encrypt_response"], **aad_of(case)).status == 200


def test_the_other_key_store_is_taken_too(proxy: RunningProxy) -> None:
    other = Credential(OTHER_ACCESS_KEY_ID, SECRET)
    with proxy.connect(credential=other, uri_path="/kms/xks/v1") as client:
        assert client.describe("foo").content["keyStatus"] == "ENABLED"
        case = SAMPLE["cases"][0]
        assert client.decrypt("foo", case["encrypt_response"], **aad_of(case)).status == 200


def test_what_was_taken_over_is_recorded_without_a_secret(proxy: RunningProxy) -> None:
    shown = proxy.hyok("audit", "show", "--log", "administration")
    records = [each["record"] for each in shown["records"]]
    recorded = {(each["action"], each["subject"]) for each in records if each["event"] == "administration"}
    assert recorded >= {
        ("create key store", "finance-payroll"),
        ("create credential", "finance-payroll"),
        ("add external key", "finance-payroll/foo"),
        ("create key store", "aws-sample"),
        ("create credential", "aws-sample"),
        ("add external key", "aws-sample/foo"),
    }
    assert SECRET not in json.dumps(shown)


def test_doing_it_again_changes_nothing_and_keys_that_are_not_there_are_named(proxy: RunningProxy) -> None:
    before = proxy.hyok("keystore", "list")
    configuration = (proxy.directory / "hyok.toml").read_bytes()
    again = import_sample(proxy.directory, sample_settings(metadata=METADATA, keys='["foo", "bar"]'), "--yes")
    assert again.returncode == 1
    assert "the token has no key with the label bar, so no key store offers it; all else is done" in again.stderr
    assert "is configured already" in again.stderr
    assert proxy.hyok("keystore", "list") == before
    assert (proxy.directory / "hyok.toml").read_bytes() == configuration


def test_a_dry_run_tells_and_does_nothing(tmp_path: Path, proxy: RunningProxy, hsm: SoftHsm) -> None:
    assert subprocess.run([HYOK, "init", tmp_path / "holder"], capture_output=True).returncode == 0
    before = (tmp_path / "holder/hyok.toml").read_bytes()
    told = import_sample(tmp_path / "holder", sample_settings(), "--dry-run")
    assert told.returncode == 0, told.stderr
    assert '[key_managers.hsm]\nkind = "pkcs11"' in told.stderr
    assert 'token = { label = "sample" }' in told.stderr
    assert (
        f"Key store finance-payroll at {URI_PATH}, for eu-central-1: credential {ACCESS_KEY_ID}, keys foo."
        in told.stderr
    )
    assert "secondary authorization (Oso) is not taken over" in told.stderr
    assert SECRET not in told.stdout + told.stderr
    assert (tmp_path / "holder/hyok.toml").read_bytes() == before
    assert not (tmp_path / "holder/hsm-pin").exists()


def test_nobody_is_taken_over_without_being_asked(tmp_path: Path, hsm: SoftHsm) -> None:
    assert subprocess.run([HYOK, "init", tmp_path / "holder"], capture_output=True).returncode == 0
    refused = import_sample(tmp_path / "holder", sample_settings())
    assert refused.returncode == 2
    assert "to do it without being asked, add --yes" in refused.stderr
