"""Key stores are tenants: none reaches what is another's."""

from __future__ import annotations

import pytest

from tests.unit.proxy.stage import (
    ALPHA_SECOND_SIGNER,
    ALPHA_SIGNER,
    BETA_KEY,
    BETA_SIGNER,
    KEY,
    UNOFFERED_KEY,
    Stage,
    content_of,
    decrypt_request,
    encrypt_request,
    error_of,
    health_request,
    metadata_request,
)

REFUSED = (401, "AuthenticationFailedException")


def test_each_key_store_serves_its_own_caller(stage: Stage) -> None:
    assert stage.ask(encrypt_request()).status == 200
    assert stage.ask(encrypt_request(key_store="beta", key_id=BETA_KEY, signer=BETA_SIGNER)).status == 200


def test_a_credential_of_one_key_store_is_none_at_another(stage: Stage) -> None:
    assert error_of(stage.ask(encrypt_request(key_store="beta", key_id=BETA_KEY, signer=ALPHA_SIGNER))) == REFUSED
    assert error_of(stage.ask(encrypt_request(key_store="alpha", signer=BETA_SIGNER))) == REFUSED
    assert error_of(stage.ask(health_request(key_store="alpha", signer=BETA_SIGNER))) == REFUSED


def test_a_key_of_one_key_store_is_not_found_through_another(stage: Stage) -> None:
    encrypted = content_of(stage.ask(encrypt_request(key_store="beta", key_id=BETA_KEY, signer=BETA_SIGNER)))

    for request in (
        encrypt_request(key_id=BETA_KEY),
        decrypt_request(encrypted, key_id=BETA_KEY),
        metadata_request(key_id=BETA_KEY),
        encrypt_request(key_store="beta", key_id=KEY, signer=BETA_SIGNER),
    ):
        assert error_of(stage.ask(request)) == (404, "KeyNotFoundException")


def test_a_key_that_only_the_manager_has_is_not_found(stage: Stage) -> None:
    assert error_of(stage.ask(encrypt_request(key_id=UNOFFERED_KEY))) == (404, "KeyNotFoundException")


def test_another_keys_ciphertext_does_not_decrypt(stage: Stage) -> None:
    encrypted = content_of(stage.ask(encrypt_request(key_store="beta", key_id=BETA_KEY, signer=BETA_SIGNER)))

    assert error_of(stage.ask(decrypt_request(encrypted))) == (400, "InvalidCiphertextException")


def test_a_request_signed_for_one_path_is_not_valid_on_another(stage: Stage) -> None:
    request = encrypt_request()
    request.target = request.target.replace(b"/alpha/", b"/beta/")

    assert error_of(stage.ask(request)) == REFUSED


def test_all_active_credentials_of_a_key_store_are_good(stage: Stage) -> None:
    for signer in (ALPHA_SIGNER, ALPHA_SECOND_SIGNER):
        assert stage.ask(encrypt_request(signer=signer)).status == 200


def test_a_retired_credential_is_refused_while_the_other_works_on(stage: Stage) -> None:
    key_store = stage.key_stores.named("alpha")
    assert key_store is not None
    kept = {name: one for name, one in key_store.credentials.items() if name != ALPHA_SIGNER.access_key_id.encode()}

    stage.change_key_store("alpha", credentials=kept)

    assert error_of(stage.ask(encrypt_request(signer=ALPHA_SIGNER))) == REFUSED
    assert stage.ask(encrypt_request(signer=ALPHA_SECOND_SIGNER)).status == 200


@pytest.mark.parametrize("prefix", ["/alph", "/alphaa", "/ALPHA", "//alpha", "/alpha/", "", "/alpha/beta"])
def test_a_prefix_is_matched_as_a_whole(stage: Stage, prefix: str) -> None:
    request = health_request(key_store="alpha")
    request.target = f"{prefix}/kms/xks/v1/health".encode()

    assert error_of(stage.ask(request)) == (404, "InvalidUriPathException")
