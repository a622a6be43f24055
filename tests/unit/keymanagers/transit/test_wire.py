from __future__ import annotations

import json
from typing import Any

import pytest

from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.transit.wire import (
    Answer,
    DecryptItem,
    EncryptItem,
    TokenLease,
    decode_decrypted,
    decode_done,
    decode_encrypted,
    decode_key,
    decode_key_names,
    decode_login,
    encode_batch,
)

CIPHERTEXT = "vault:v1:xk1wCQKL+mA3P1ERuUUJalQggIRpIf+0vgGxqTMCEhAe"
ITEM = EncryptItem(b"hello", b"aad", 1)


def _answer(body: Any, status: int = 200) -> Answer:
    return Answer("/v1/x", status, json.dumps(body).encode())


def _results(*results: dict[str, Any]) -> dict[str, Any]:
    return {"data": {"batch_results": list(results)}, "errors": None}


def test_a_batch_is_written_with_base64_and_the_version_of_each_item() -> None:
    assert json.loads(encode_batch([ITEM])) == {
        "batch_input": [{"plaintext": "aGVsbG8=", "associated_data": "YWFk", "key_version": 1}]
    }
    assert json.loads(encode_batch([DecryptItem(CIPHERTEXT, b"")])) == {
        "batch_input": [{"ciphertext": CIPHERTEXT, "associated_data": ""}]
    }


def test_one_items_error_is_no_other_items_error() -> None:
    bad = {"plaintext": "", "error": "cipher: message authentication failed", "reference": ""}
    body = _results({"plaintext": "aGVsbG8=", "reference": ""}, bad)
    good, failed = decode_decrypted(_answer(body, 400), [DecryptItem(CIPHERTEXT, b"")] * 2)
    assert good == b"hello"
    assert isinstance(failed, KeyManagerError)
    assert failed.failure is KeyManagerFailure.CIPHERTEXT_REJECTED


@pytest.mark.parametrize(
    "result",
    [
        {},
        {"ciphertext": ""},
        {"ciphertext": CIPHERTEXT.replace("v1", "v2"), "key_version": 2},
        {"ciphertext": "vault:v1:AAAA", "key_version": 1},
    ],
)
def test_a_ciphertext_other_than_asked_for_is_never_handed_on(result: dict[str, Any]) -> None:
    (failed,) = decode_encrypted(_answer(_results(result)), [ITEM])
    assert isinstance(failed, KeyManagerError)
    assert failed.failure is KeyManagerFailure.UNAVAILABLE


def test_a_result_without_a_plaintext_is_not_taken_for_an_empty_one() -> None:
    (failed,) = decode_decrypted(_answer(_results({"reference": ""})), [DecryptItem(CIPHERTEXT, b"")])
    assert isinstance(failed, KeyManagerError)


@pytest.mark.parametrize("count", [0, 2])
def test_results_that_are_not_as_many_as_the_items_fail_them_all(count: int) -> None:
    body = _results(*[{"ciphertext": CIPHERTEXT, "key_version": 1}] * count)
    with pytest.raises(KeyManagerError, match=f"{count} results for 1 items"):
        decode_encrypted(_answer(body), [ITEM])


@pytest.mark.parametrize("status", [200, 301, 404, 429, 502])
@pytest.mark.parametrize("body", [b"", b"<html>Not Found</html>", b"[]", b"null", b"{", b'{"data": 7}', b"\xff", b"{}"])
def test_what_is_no_answer_of_transit_is_the_servers_fault_and_no_missing_key(status: int, body: bytes) -> None:
    with pytest.raises(KeyManagerError) as raised:
        decode_key(Answer("/v1/transit/keys/k", status, body))
    assert raised.value.failure is KeyManagerFailure.UNAVAILABLE


def test_no_keys_at_all_is_an_empty_list() -> None:
    assert decode_key_names(_answer({"errors": []}, 404)) == ()
    assert decode_key_names(_answer({"data": {"keys": ["a", "b"]}})) == ("a", "b")
    with pytest.raises(KeyManagerError):
        decode_key_names(_answer({"errors": ["no handler for route"]}, 404))


def test_an_answer_that_only_says_done_gives_its_warnings() -> None:
    assert decode_done(Answer("/v1/x", 204, b"")) == ()
    assert decode_done(_answer({"data": {"anything": 1}, "warnings": ["key k already existed"]})) == (
        "key k already existed",
    )


def test_a_login_without_a_token_is_a_failure() -> None:
    with pytest.raises(KeyManagerError):
        decode_login(_answer({"auth": None, "data": {}}))


def test_neither_tokens_nor_plaintexts_are_shown() -> None:
    shown = repr(TokenLease("s.secret", 10, renewable=True)) + repr(EncryptItem(b"secret", b"", 1))
    assert "secret" not in shown
