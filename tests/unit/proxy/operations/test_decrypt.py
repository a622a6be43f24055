"""Decrypt: whatever was altered is noticed."""

from __future__ import annotations

import pytest

from tests.unit.proxy.stage import (
    DECRYPT_ONLY_KEY,
    DISABLED_KEY,
    ENCRYPT_ONLY_KEY,
    KEY,
    ROTATED_KEY,
    Stage,
    decrypt_request,
    error_of,
    from_base64,
    to_base64,
)

CORRUPTED = (400, "InvalidCiphertextException")


@pytest.mark.parametrize("field", ["ciphertext", "initializationVector", "authenticationTag", "ciphertextMetadata"])
@pytest.mark.parametrize("position", [0, -1])
def test_a_flipped_bit_in_any_part_is_noticed(stage: Stage, field: str, position: int) -> None:
    encrypted = stage.encrypt()
    altered = bytearray(from_base64(encrypted[field]))
    altered[position] ^= 0x80

    assert error_of(stage.ask(decrypt_request(encrypted | {field: to_base64(bytes(altered))}))) == CORRUPTED


@pytest.mark.parametrize("aad", [None, b"", b"project=nilf", b"project=nile\x00"])
def test_another_aad_is_noticed(stage: Stage, aad: bytes | None) -> None:
    assert error_of(stage.ask(decrypt_request(stage.encrypt(aad=b"project=nile"), aad=aad))) == CORRUPTED


def test_bytes_moved_between_aad_and_metadata_are_noticed(stage: Stage) -> None:
    encrypted = stage.encrypt(aad=b"ab")

    altered = encrypted | {"ciphertextMetadata": to_base64(b"b" + from_base64(encrypted["ciphertextMetadata"]))}

    assert error_of(stage.ask(decrypt_request(altered, aad=b"a"))) == CORRUPTED


@pytest.mark.parametrize(
    "metadata",
    [None, b"", b"\x01", b"\x01\x00\x00\x00\x00", b"\x01\x00\x00\x00\x63", b"\x02\x00\x00\x00\x01", bytes(20)],
    ids=["absent", "empty", "short", "version 0", "version 99", "format 2", "zeros"],
)
def test_metadata_that_this_proxy_never_wrote_is_a_corrupted_ciphertext(stage: Stage, metadata: bytes | None) -> None:
    altered = stage.encrypt() | {"ciphertextMetadata": None if metadata is None else to_base64(metadata)}

    assert error_of(stage.ask(decrypt_request(altered))) == CORRUPTED


def test_an_older_version_decrypts_on_but_not_as_another_version(stage: Stage) -> None:
    encrypted = stage.encrypt(key_id=ROTATED_KEY)
    assert stage.ask(decrypt_request(encrypted, key_id=ROTATED_KEY)).status == 200

    as_version_1 = encrypted | {"ciphertextMetadata": to_base64(b"\x01\x00\x00\x00\x01")}

    assert error_of(stage.ask(decrypt_request(as_version_1, key_id=ROTATED_KEY))) == CORRUPTED


def test_a_key_that_only_encrypts_does_not_decrypt(stage: Stage) -> None:
    request = decrypt_request(stage.encrypt(), key_id=ENCRYPT_ONLY_KEY)

    assert error_of(stage.ask(request)) == (400, "InvalidKeyUsageException")


def test_a_disabled_key_does_not_decrypt(stage: Stage) -> None:
    request = decrypt_request(stage.encrypt(), key_id=DISABLED_KEY)

    assert error_of(stage.ask(request)) == (400, "InvalidStateException")


def test_a_decrypt_only_key_is_asked(stage: Stage) -> None:
    assert error_of(stage.ask(decrypt_request(stage.encrypt(key_id=KEY), key_id=DECRYPT_ONLY_KEY))) == CORRUPTED
