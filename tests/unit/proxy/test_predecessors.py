"""What other proxies wrote, told apart and opened. The first source are answers recorded from AWS's sample proxy."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hyok.proxy.predecessors import AadLayout, Predecessor, parse_predecessor
from tests.unit.proxy.stage import KEY, Stage, decrypt_request, encrypt_request, error_of, to_base64

SAMPLE = json.loads((Path(__file__).parents[2] / "vectors" / "aws-sample-proxy.json").read_text())
CIPHER = AESGCM(bytes.fromhex(SAMPLE["external_key_hex"]))


def field(message: dict[str, Any], name: str) -> bytes:
    return b64decode(message.get(name, ""))


def opens(sealed: dict[str, Any], aad: bytes) -> bytes | None:
    try:
        return CIPHER.decrypt(
            field(sealed, "initializationVector"),
            field(sealed, "ciphertext") + field(sealed, "authenticationTag"),
            aad,
        )
    except InvalidTag:
        return None


@pytest.mark.parametrize("case", SAMPLE["cases"], ids=lambda case: f"{case['aad']} {case['static_metadata']}")
def test_every_answer_of_the_sample_opens_under_the_aad_that_it_built(case: dict[str, Any]) -> None:
    asked, sealed = case["encrypt_request"], case["encrypt_response"]
    metadata = field(sealed, "ciphertextMetadata")
    aads = AadLayout.AWS_SAMPLE.aads(field(asked, "additionalAuthenticatedData"), metadata)
    assert field(asked, "plaintext") in [opens(sealed, aad) for aad in aads]


def test_raw_aad_is_the_aad() -> None:
    assert AadLayout.RAW_AAD.aads(b"a=b", b"v1") == (b"a=b",)


@pytest.mark.parametrize("text", ["aws-sample", "aws-sample:djAuMC4x", "raw-aad"])
def test_a_predecessor_is_written_as_it_is_read(text: str) -> None:
    assert str(parse_predecessor(text)) == text


def test_metadata_is_bytes_in_base64() -> None:
    assert parse_predecessor("aws-sample:djAuMC4x") == Predecessor(AadLayout.AWS_SAMPLE, b"v0.0.1")


@pytest.mark.parametrize("metadata", [None, to_base64(b"v0.0.1")])
def test_without_a_predecessor_foreign_metadata_is_a_corrupted_ciphertext(stage: Stage, metadata: str | None) -> None:
    encrypted = stage.encrypt() | {"ciphertextMetadata": metadata}
    assert error_of(stage.ask(decrypt_request(encrypted))) == (400, "InvalidCiphertextException")


def test_what_a_predecessor_wrote_cannot_be_made_of_what_hyok_wrote(stage: Stage) -> None:
    stage.change_key_store("alpha", predecessors={b"": (AadLayout.AWS_SAMPLE, AadLayout.RAW_AAD)})
    encrypted = stage.encrypt() | {"ciphertextMetadata": None}
    assert error_of(stage.ask(decrypt_request(encrypted))) == (400, "InvalidCiphertextException")


def test_hyok_goes_on_to_write_and_read_its_own(stage: Stage) -> None:
    stage.change_key_store("alpha", predecessors={b"": (AadLayout.AWS_SAMPLE,)})
    encrypted = stage.encrypt()
    assert encrypted["ciphertextMetadata"] == to_base64(b"\x01\x00\x00\x00\x01")
    assert stage.ask(decrypt_request(encrypted)).status == 200
    assert all("predecessor" not in record for record in stage.records())
    assert stage.ask(encrypt_request(key_id=KEY)).status == 200
