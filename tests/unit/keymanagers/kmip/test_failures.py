"""Refusals and broken exchanges in the words of every key manager."""

from __future__ import annotations

import pytest

from hyok.keymanagers.errors import KeyManagerFailure
from hyok.keymanagers.kmip.failures import failure_of, meaning_of, transport_failure
from hyok.keymanagers.kmip.messages import RefusedError
from hyok.keymanagers.kmip.vocabulary import ResultReason
from hyok.transport.exchange import TransportError, TransportFailure

OFTEN_MEANT = {
    ResultReason.SERVER_LIMIT_EXCEEDED: KeyManagerFailure.OVERLOADED,
    ResultReason.OPERATION_NOT_SUPPORTED: KeyManagerFailure.UNSUPPORTED,
    ResultReason.WRONG_KEY_LIFECYCLE_STATE: KeyManagerFailure.KEY_DISABLED,
    ResultReason.INCOMPATIBLE_CRYPTOGRAPHIC_USAGE_MASK: KeyManagerFailure.USAGE_NOT_PERMITTED,
    ResultReason.AUTHENTICATION_NOT_SUCCESSFUL: KeyManagerFailure.UNAVAILABLE,
    ResultReason.GENERAL_FAILURE: KeyManagerFailure.UNAVAILABLE,
}


@pytest.mark.parametrize(("reason", "failure"), OFTEN_MEANT.items())
def test_a_reason_is_a_failure(reason: ResultReason, failure: KeyManagerFailure) -> None:
    error = failure_of(RefusedError(reason, "the server's words"))
    assert error.failure is failure
    assert "the server's words" in error.detail


@pytest.mark.parametrize("reason", ResultReason)
def test_no_reason_alone_says_that_a_ciphertext_is_bad_or_a_key_not_there(reason: ResultReason) -> None:
    failure = meaning_of(RefusedError(reason, "")).failure
    assert failure not in {KeyManagerFailure.CIPHERTEXT_REJECTED, KeyManagerFailure.KEY_NOT_FOUND}


def test_a_reason_that_nobody_knows_is_a_server_out_of_order_and_never_a_bad_ciphertext() -> None:
    meaning = meaning_of(RefusedError(0x8000_0001, ""))
    assert (meaning.failure, meaning.may_be_ciphertext) == (KeyManagerFailure.UNAVAILABLE, False)


@pytest.mark.parametrize("failure", TransportFailure)
def test_every_broken_exchange_has_its_word(failure: TransportFailure) -> None:
    expected = KeyManagerFailure.TIMED_OUT if failure is TransportFailure.TIMED_OUT else KeyManagerFailure.UNAVAILABLE
    assert transport_failure(TransportError(failure, "why")).failure is expected
