"""From failures of key managers to errors of the XKS proxy API."""

from __future__ import annotations

import pytest

from hyok.keymanagers.errors import KeyManagerFailure
from hyok.proxy.translate import translate
from hyok.xks.errors import XksErrorName
from hyok.xks.operations import XksOperation

EXPECTED = {
    KeyManagerFailure.KEY_NOT_FOUND: (404, "KeyNotFoundException"),
    KeyManagerFailure.KEY_DISABLED: (400, "InvalidStateException"),
    KeyManagerFailure.USAGE_NOT_PERMITTED: (400, "InvalidKeyUsageException"),
    KeyManagerFailure.CIPHERTEXT_REJECTED: (400, "InvalidCiphertextException"),
    KeyManagerFailure.UNSUPPORTED: (501, "UnsupportedOperationException"),
    KeyManagerFailure.OVERLOADED: (429, "ThrottlingException"),
    KeyManagerFailure.TIMED_OUT: (503, "DependencyTimeoutException"),
    KeyManagerFailure.UNAVAILABLE: (500, "InternalException"),
}


@pytest.mark.parametrize("failure", KeyManagerFailure)
def test_every_failure_has_its_error_on_decrypt(failure: KeyManagerFailure) -> None:
    name = translate(failure, XksOperation.DECRYPT)

    assert (name.status, name.value) == EXPECTED[failure]


@pytest.mark.parametrize("operation", XksOperation)
@pytest.mark.parametrize("failure", KeyManagerFailure)
def test_no_operation_answers_an_error_it_does_not_have(failure: KeyManagerFailure, operation: XksOperation) -> None:
    assert operation in translate(failure, operation).operations


def test_an_encrypt_is_never_blamed_on_its_ciphertext() -> None:
    assert translate(KeyManagerFailure.CIPHERTEXT_REJECTED, XksOperation.ENCRYPT) is XksErrorName.INTERNAL
