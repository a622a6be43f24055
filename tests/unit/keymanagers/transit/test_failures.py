from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hyok.keymanagers.errors import KeyManagerFailure, KeyRotatedError
from hyok.keymanagers.transit.failures import failure_of

EXCHANGES = json.loads((Path(__file__).parents[3] / "vectors" / "openbao-transit.json").read_text())["exchanges"]
MEANINGS = {
    "read missing key": KeyManagerFailure.KEY_NOT_FOUND,
    "decrypt, wrong AAD": KeyManagerFailure.CIPHERTEXT_REJECTED,
    "decrypt, AAD missing": KeyManagerFailure.CIPHERTEXT_REJECTED,
    "decrypt, tag changed": KeyManagerFailure.CIPHERTEXT_REJECTED,
    "decrypt, version too new": KeyManagerFailure.CIPHERTEXT_REJECTED,
    "decrypt, no prefix": KeyManagerFailure.CIPHERTEXT_REJECTED,
    "decrypt, bad Base64": KeyManagerFailure.CIPHERTEXT_REJECTED,
    "decrypt, too short": KeyManagerFailure.CIPHERTEXT_REJECTED,
    "encrypt, AAD not Base64": KeyManagerFailure.UNAVAILABLE,
    "encrypt, plaintext not Base64": KeyManagerFailure.UNAVAILABLE,
    "encrypt, version higher than latest": KeyManagerFailure.UNAVAILABLE,
    "encrypt derived without context": KeyManagerFailure.UNSUPPORTED,
    "encrypt with a key of another type and AAD": KeyManagerFailure.UNSUPPORTED,
    "encrypt below the minimum": KeyManagerFailure.UNAVAILABLE,
    "decrypt below the minimum": KeyManagerFailure.KEY_DISABLED,
    "encrypt with a missing key, upsert off": KeyManagerFailure.KEY_NOT_FOUND,
    "decrypt with a missing key": KeyManagerFailure.KEY_NOT_FOUND,
    "encrypt with a soft-deleted key": KeyManagerFailure.KEY_DISABLED,
    "decrypt with a soft-deleted key": KeyManagerFailure.KEY_DISABLED,
    "bad token": KeyManagerFailure.UNAVAILABLE,
    "no token": KeyManagerFailure.UNAVAILABLE,
    "AppRole login, wrong secret": KeyManagerFailure.UNAVAILABLE,
    "forbidden path under least privilege": KeyManagerFailure.UNAVAILABLE,
    "encrypt with a missing key under least privilege": KeyManagerFailure.UNAVAILABLE,
    "encrypt while sealed": KeyManagerFailure.UNAVAILABLE,
}


def _errors() -> dict[str, dict[str, Any]]:
    return {each["what"]: each for each in EXCHANGES if (each["response"] or {}).get("errors") is not None}


def test_every_recorded_error_has_a_meaning_here() -> None:
    assert set(_errors()) == set(MEANINGS)


@pytest.mark.parametrize("what", MEANINGS)
def test_a_recorded_error_comes_to_its_failure(what: str) -> None:
    exchange = _errors()[what]
    error = failure_of(path=exchange["path"], status=exchange["status"], texts=exchange["response"]["errors"])
    assert error.failure is MEANINGS[what]
    assert exchange["path"] in error.detail
    assert str(exchange["status"]) in error.detail


@pytest.mark.parametrize("what", ["encrypt, version higher than latest", "encrypt below the minimum"])
def test_a_version_that_cannot_encrypt_is_worth_another_question(what: str) -> None:
    exchange = _errors()[what]
    error = failure_of(path="/v1/x", status=400, texts=exchange["response"]["errors"])
    assert isinstance(error, KeyRotatedError)


@pytest.mark.parametrize(
    ("status", "text", "failure"),
    [
        (404, 'no handler for route "transit/keys/k". route entry not found.', KeyManagerFailure.UNAVAILABLE),
        (404, "1 error occurred:\n\t* unsupported path\n\n", KeyManagerFailure.UNSUPPORTED),
        (429, "", KeyManagerFailure.OVERLOADED),
        (429, 'request path "transit/encrypt/k": rate limit quota exceeded', KeyManagerFailure.OVERLOADED),
        (400, "something that nobody has seen yet", KeyManagerFailure.UNAVAILABLE),
        (500, "", KeyManagerFailure.UNAVAILABLE),
        (307, "", KeyManagerFailure.UNAVAILABLE),
    ],
)
def test_what_was_not_recorded_is_judged_by_text_and_status(status: int, text: str, failure: KeyManagerFailure) -> None:
    assert failure_of(path="/v1/x", status=status, texts=[text] if text else []).failure is failure


def test_a_refusal_of_the_policy_says_where_the_right_policy_is() -> None:
    assert (
        "hyok config check" in failure_of(path="/v1/transit/encrypt/k", status=403, texts=["permission denied"]).detail
    )


def test_a_detail_is_one_short_printable_line() -> None:
    detail = failure_of(path="/v1/x", status=400, texts=["a\nb\x1b[31m" + "c" * 1000]).detail
    assert detail.isprintable()
    assert "a b?[31mccc" in detail
    assert len(detail) < 250
