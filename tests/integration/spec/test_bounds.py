"""Lengths and characters at their exact bounds, over the wire; one more gets the error that the table names."""

from __future__ import annotations

import hashlib
import string
from typing import Any

import pytest

from hyok.administration.credentials import CredentialPair, create_credential
from hyok.administration.keystores import create_key_store
from hyok.secret import Secret
from tests.e2e.processes import Credential
from tests.integration.spec.conftest import offer_key
from tests.integration.spec.running import RunningProxy
from tests.integration.spec.wire import Answer, encrypt_content, eventually
from tests.unit.proxy.stage import from_base64, metadata, to_base64

KEY_ID_CHARACTERS = string.ascii_letters + string.digits + "-._"
PREFIX_CHARACTERS = string.ascii_letters + string.digits + "/-_"
ARN = "arn:aws:kms:eu-central-1:123456789012:key/"


def error_of(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.content["errorName"]


def serves(proxy: RunningProxy, key_id: str, *, credential: Credential | None = None, uri_path: str = "") -> bool:
    """Tell whether each worker encrypts and decrypts with a key: they follow the changes by themselves."""
    for _ in range(6):
        with proxy.connect(credential=credential, uri_path=uri_path or None) as client:
            encrypted = client.encrypt(key_id)
            if encrypted.status != 200 or client.decrypt(key_id, encrypted.content).status != 200:
                return False
    return True


@pytest.mark.parametrize(
    "key_id",
    [
        pytest.param("k", id="one character"),
        pytest.param((KEY_ID_CHARACTERS * 2)[:128], id="128, all that are allowed"),
        pytest.param("..", id="dots"),
        pytest.param("encrypt", id="the name of an operation"),
        pytest.param("-" * 128, id="128 hyphens"),
    ],
)
def test_a_key_id_of_allowed_length_and_characters_works(proxy: RunningProxy, key_id: str) -> None:
    with proxy.holder() as holder:
        offer_key(holder, key_store="main", external_key_id=key_id, manager_key_id=key_id)
    eventually(lambda: serves(proxy, key_id))


@pytest.mark.parametrize("key_id", ["", "k" * 129, "k~", "k%41", "k+", "k/k", "k:", "k@", "k;"])
def test_any_other_key_id_is_no_path_of_the_api(proxy: RunningProxy, key_id: str) -> None:
    with proxy.connect() as client:
        answer = client.describe(key_id)
    assert error_of(answer) == (404, "InvalidUriPathException")


@pytest.mark.parametrize(
    "uri_path",
    [
        pytest.param("/kms/xks/v1", id="no prefix"),
        pytest.param(f"/{(PREFIX_CHARACTERS * 2)[:116]}/kms/xks/v1", id="128 in all, all that are allowed"),
        pytest.param("/a/kms/xks/v1/kms/xks/v1", id="the API's own path as prefix"),
    ],
)
def test_a_path_prefix_of_allowed_length_and_characters_works(proxy: RunningProxy, uri_path: str) -> None:
    name = hashlib.sha256(uri_path.encode()).hexdigest()[:16]
    key_id = f"{'k' * 100}-{name}"[-128:]
    with proxy.holder() as holder:
        prefix = uri_path.removesuffix("/kms/xks/v1")
        create_key_store(holder.storage, holder.clock, name=name, path_prefix=prefix)
        pair = create_credential(holder.storage, holder.safe, holder.clock, key_store=name)
        offer_key(holder, key_store=name, external_key_id=key_id, manager_key_id=key_id)
    credential = Credential(pair.access_key_id, pair.secret_access_key.reveal().decode())
    eventually(lambda: serves(proxy, key_id, credential=credential, uri_path=uri_path))


@pytest.mark.parametrize("uri_path", ["/main/kms/xks/v1/", "//kms/xks/v1", "/main//kms/xks/v1", "/MAIN/kms/xks/v1"])
def test_any_other_prefix_is_no_path_of_the_api(proxy: RunningProxy, uri_path: str) -> None:
    with proxy.connect(uri_path=uri_path) as client:
        assert error_of(client.describe(proxy.key_id)) == (404, "InvalidUriPathException")


@pytest.mark.parametrize(
    "pair",
    [
        pytest.param(("ABCDEFGHIJKLMNOPQRST", "a" * 43), id="shortest"),
        pytest.param(("UVWXYZ234567UVWXYZ234567UVWXYZ", "+/=" + "aZ09+/=" * 8 + "+/=aZ"), id="longest"),
    ],
)
def test_credentials_of_the_shortest_and_longest_form_sign(proxy: RunningProxy, pair: tuple[str, str]) -> None:
    access_key_id, secret = pair
    with proxy.holder() as holder:
        given = CredentialPair(access_key_id, Secret(secret.encode()))
        create_credential(holder.storage, holder.safe, holder.clock, key_store="main", given=given)
    eventually(lambda: serves(proxy, proxy.key_id, credential=Credential(access_key_id, secret)))


@pytest.mark.parametrize("size", [0, 1, 4300, 8192])
def test_plaintext_up_to_the_limit_comes_back(proxy: RunningProxy, size: int) -> None:
    plaintext = bytes(range(256)) * 32
    with proxy.connect() as client:
        encrypted = client.encrypt(proxy.key_id, plaintext[:size])
        assert encrypted.status == 200, encrypted.content
        decrypted = client.decrypt(proxy.key_id, encrypted.content)
    assert len(from_base64(encrypted.content["ciphertext"])) == size
    assert from_base64(decrypted.content["plaintext"]) == plaintext[:size]


@pytest.mark.parametrize("size", [0, 1, 8192])
def test_aad_up_to_the_limit_is_bound(proxy: RunningProxy, size: int) -> None:
    aad: dict[str, Any] = {"additionalAuthenticatedData": to_base64(b"a" * size)}
    with proxy.connect() as client:
        encrypted = client.encrypt(proxy.key_id, **aad)
        assert encrypted.status == 200, encrypted.content
        assert client.decrypt(proxy.key_id, encrypted.content, **aad).status == 200
        other = {"additionalAuthenticatedData": to_base64(b"a" * (size - 1) + b"b")}
        assert error_of(client.decrypt(proxy.key_id, encrypted.content, **other)) == (400, "InvalidCiphertextException")


def test_everything_at_its_limit_at_once_is_one_request(proxy: RunningProxy) -> None:
    with proxy.connect() as client:
        answer = client.encrypt(
            proxy.key_id,
            bytes(8192),
            additionalAuthenticatedData=to_base64(bytes(8192)),
            requestMetadata=metadata(
                awsPrincipalArn="\u00e9" * 2048,
                kmsKeyArn="\u00e9" * 2048,
                kmsRequestId="r" * 2048,
                kmsViaService="v" * 2048,
                awsSourceVpc="vpc-" + "0" * 2044,
                awsSourceVpce="vpce-" + "0" * 2043,
            ),
        )
    assert answer.status == 200, answer.content


@pytest.mark.parametrize("name", ["plaintext", "additionalAuthenticatedData"])
def test_one_byte_more_to_encrypt_is_unsupported(proxy: RunningProxy, name: str) -> None:
    with proxy.connect() as client:
        answer = client.ask(f"/keys/{proxy.key_id}/encrypt", encrypt_content() | {name: to_base64(bytes(8193))})
    assert error_of(answer) == (501, "UnsupportedOperationException")


@pytest.mark.parametrize("name", ["ciphertext", "additionalAuthenticatedData"])
def test_one_byte_more_to_decrypt_is_unsupported(proxy: RunningProxy, name: str) -> None:
    with proxy.connect() as client:
        encrypted = client.encrypt(proxy.key_id).content
        answer = client.decrypt(proxy.key_id, encrypted, **{name: to_base64(bytes(8193))})
    assert error_of(answer) == (501, "UnsupportedOperationException")


@pytest.mark.parametrize("name", ["awsPrincipalArn", "kmsKeyArn"])
@pytest.mark.parametrize("filling", ["x", "\u00e9", '"', "\\"])
def test_an_arn_has_up_to_2048_characters(proxy: RunningProxy, name: str, filling: str) -> None:
    longest = ARN + filling * (2048 - len(ARN))
    with proxy.connect() as client:
        assert client.describe(proxy.key_id, **{name: longest}).status == 200
        assert client.encrypt(proxy.key_id, requestMetadata=metadata(**{name: longest})).status == 200
        one_more = client.describe(proxy.key_id, **{name: longest + filling})
    assert error_of(one_more) == (400, "ValidationException")
    assert name in one_more.content["errorMessage"]


@pytest.mark.parametrize(
    "changes",
    [
        {"kmsOperation": ""},
        {"kmsOperation": "AnOperationOfTheFuture" * 100},
        {"kmsRequestId": ""},
        {"kmsRequestId": "\u0000\u2028 no id at all"},
        {"awsPrincipalArn": "AWS Internal"},
        {"awsPrincipalArn": "ec2.amazonaws.com"},
        {"kmsViaService": "", "awsSourceVpc": "", "awsSourceVpce": ""},
        {"sourceIdentity": {"a": [1, None]}, "NitroEnclave": 1.5},
    ],
)
def test_metadata_that_is_not_ours_to_judge_is_accepted(proxy: RunningProxy, changes: dict[str, Any]) -> None:
    with proxy.connect() as client:
        assert client.describe(proxy.key_id, **changes).status == 200
        assert client.encrypt(proxy.key_id, requestMetadata=metadata(**changes)).status == 200


@pytest.mark.parametrize("size", [0, 4, 6, 20, 21])
def test_ciphertext_metadata_of_any_other_size_is_a_corrupted_ciphertext(proxy: RunningProxy, size: int) -> None:
    with proxy.connect() as client:
        encrypted = client.encrypt(proxy.key_id).content
        assert len(from_base64(encrypted["ciphertextMetadata"])) <= 20
        resized = (from_base64(encrypted["ciphertextMetadata"]) + bytes(20))[:size]
        answer = client.decrypt(proxy.key_id, encrypted, ciphertextMetadata=to_base64(resized))
    assert error_of(answer) == (400, "InvalidCiphertextException")
