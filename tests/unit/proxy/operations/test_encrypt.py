"""Encrypt: the integrity value, the decryption that must come before it is answered, and key versions."""

from __future__ import annotations

import hashlib

import pytest

from hyok.keymanagers.errors import KeyManagerFailure
from tests.unit.proxy.managers import (
    FailingManager,
    FlippingManager,
    RotatingManager,
    VerifyingManager,
    WatchedManager,
    WrongAnswerManager,
)
from tests.unit.proxy.stage import (
    DECRYPT_ONLY_KEY,
    ENCRYPT_ONLY_KEY,
    KEY,
    MANAGER,
    ROTATED_KEY,
    Stage,
    content_of,
    decrypt_request,
    encrypt_request,
    error_of,
    from_base64,
)


def test_an_answer_holds_what_the_specification_names_in_its_sizes(stage: Stage) -> None:
    answer = {name: from_base64(value) for name, value in stage.encrypt(plaintext=bytes(150)).items()}

    assert {name: len(value) for name, value in answer.items()} == {
        "ciphertext": 150,
        "initializationVector": 12,
        "authenticationTag": 16,
        "ciphertextMetadata": 5,
        "ciphertextDataIntegrityValue": 32,
    }


def test_the_integrity_value_covers_aad_metadata_iv_ciphertext_and_tag(stage: Stage) -> None:
    answer = {name: from_base64(value) for name, value in stage.encrypt(aad=b"project=nile").items()}

    covered = b"project=nile" + b"".join(
        answer[name] for name in ("ciphertextMetadata", "initializationVector", "ciphertext", "authenticationTag")
    )
    assert answer["ciphertextDataIntegrityValue"] == hashlib.sha256(covered).digest()


def test_no_integrity_value_is_answered_or_verified_unasked(stage: Stage) -> None:
    manager = WatchedManager(stage.managers[MANAGER])
    stage.managers[MANAGER] = manager

    assert "ciphertextDataIntegrityValue" not in stage.encrypt(with_integrity_value=False)
    assert manager.calls["decrypt"] == 0


def test_the_active_version_is_named_in_the_metadata(stage: Stage) -> None:
    assert from_base64(stage.encrypt()["ciphertextMetadata"]) == b"\x01\x00\x00\x00\x01"
    assert from_base64(stage.encrypt(key_id=ROTATED_KEY)["ciphertextMetadata"]) == b"\x01\x00\x00\x00\x02"


def test_an_answer_is_verified_by_a_decryption(stage: Stage) -> None:
    manager = WatchedManager(stage.managers[MANAGER])
    stage.managers[MANAGER] = manager

    stage.encrypt()

    assert (manager.calls["encrypt"], manager.calls["decrypt"]) == (1, 1)


def test_a_manager_that_verifies_by_itself_is_asked_to_and_for_nothing_else(stage: Stage) -> None:
    manager = stage.managers[MANAGER] = VerifyingManager(stage.managers[MANAGER])

    encrypted = stage.encrypt(plaintext=b"a data key", aad=b"project=nile")

    assert (manager.verified, manager.calls["encrypt"], manager.calls["decrypt"]) == (1, 0, 0)
    covered = b"project=nile" + b"".join(
        from_base64(encrypted[name])
        for name in ("ciphertextMetadata", "initializationVector", "ciphertext", "authenticationTag")
    )
    assert from_base64(encrypted["ciphertextDataIntegrityValue"]) == hashlib.sha256(covered).digest()


@pytest.mark.parametrize(("rejections", "status"), [(1, 200), (2, 500)])
def test_what_a_manager_cannot_verify_is_encrypted_anew_once(stage: Stage, rejections: int, status: int) -> None:
    manager = stage.managers[MANAGER] = VerifyingManager(stage.managers[MANAGER], rejections=rejections)

    assert stage.ask(encrypt_request()).status == status
    assert manager.verified == 2


def test_a_bit_flipped_once_is_encrypted_anew(stage: Stage) -> None:
    manager = FlippingManager(stage.managers[MANAGER], flips=1)
    stage.managers[MANAGER] = manager

    encrypted = stage.encrypt(plaintext=b"a data key")

    assert manager.calls["encrypt"] == 2
    assert from_base64(content_of(stage.ask(decrypt_request(encrypted)))["plaintext"]) == b"a data key"


def test_a_key_rotated_meanwhile_is_asked_for_its_version_anew_once(stage: Stage) -> None:
    manager = stage.managers[MANAGER] = RotatingManager(stage.managers[MANAGER], rotations=1)

    encrypted = stage.encrypt(plaintext=b"a data key")

    assert manager.calls["active_version"] == 2
    assert from_base64(content_of(stage.ask(decrypt_request(encrypted)))["plaintext"]) == b"a data key"


def test_a_version_that_never_encrypts_is_an_internal_failure(stage: Stage) -> None:
    manager = stage.managers[MANAGER] = RotatingManager(stage.managers[MANAGER], rotations=9)

    assert error_of(stage.ask(encrypt_request())) == (500, "InternalException")
    assert manager.calls["active_version"] == 2


def test_a_manager_that_flips_bits_again_and_again_is_an_internal_failure(stage: Stage) -> None:
    stage.managers[MANAGER] = FlippingManager(stage.managers[MANAGER], flips=2)

    assert error_of(stage.ask(encrypt_request())) == (500, "InternalException")


def test_a_manager_that_decrypts_to_something_else_is_an_internal_failure(stage: Stage) -> None:
    stage.managers[MANAGER] = WrongAnswerManager(stage.managers[MANAGER])

    assert error_of(stage.ask(encrypt_request())) == (500, "InternalException")


@pytest.mark.parametrize("failure", [KeyManagerFailure.OVERLOADED, KeyManagerFailure.TIMED_OUT])
def test_a_verification_that_cannot_be_made_is_not_tried_again(stage: Stage, failure: KeyManagerFailure) -> None:
    class Failing(FailingManager):
        active_version = WatchedManager.active_version
        describe_key = WatchedManager.describe_key

    manager = Failing(stage.managers[MANAGER], failure)
    stage.managers[MANAGER] = manager

    assert stage.ask(encrypt_request()).status in (429, 503)
    assert manager.calls["encrypt"] == 1


def test_an_encrypt_only_key_encrypts_without_integrity_value(stage: Stage) -> None:
    assert stage.ask(encrypt_request(key_id=ENCRYPT_ONLY_KEY, with_integrity_value=False)).status == 200


def test_an_encrypt_only_key_asked_for_an_integrity_value_is_refused_before_it_encrypts(stage: Stage) -> None:
    manager = WatchedManager(stage.managers[MANAGER])
    stage.managers[MANAGER] = manager

    for _ in range(2):
        response = stage.ask(encrypt_request(key_id=ENCRYPT_ONLY_KEY))
        assert error_of(response) == (400, "InvalidKeyUsageException")
    assert manager.calls["encrypt"] == 0


def test_a_manager_is_asked_once_whether_a_key_version_decrypts(stage: Stage) -> None:
    manager = WatchedManager(stage.managers[MANAGER])
    stage.managers[MANAGER] = manager

    for _ in range(3):
        stage.encrypt(key_id=KEY)

    assert manager.calls["describe_key"] == 1


def test_a_decrypt_only_key_does_not_encrypt(stage: Stage) -> None:
    for with_integrity_value in (True, False):
        request = encrypt_request(key_id=DECRYPT_ONLY_KEY, with_integrity_value=with_integrity_value)
        assert error_of(stage.ask(request)) == (400, "InvalidKeyUsageException")


def test_the_same_plaintext_never_gives_the_same_ciphertext(stage: Stage) -> None:
    assert len({stage.encrypt()["ciphertext"] for _ in range(50)}) == 50
