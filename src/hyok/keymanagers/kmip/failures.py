"""What a server's refusals mean to a caller, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.kmip.messages import RefusedError
from hyok.keymanagers.kmip.vocabulary import ResultReason
from hyok.transport.exchange import TransportError, TransportFailure


class Meaning(NamedTuple):
    """What one Result Reason means."""

    failure: KeyManagerFailure
    may_be_ciphertext: bool = False
    """Whether, as the answer to Decrypt, it may also mean a wrong tag: servers differ. Only a test can tell."""


def failure_of(refusal: RefusedError) -> KeyManagerError:
    """Return a refusal as the failure of a key manager, as far as the reason alone tells."""
    return KeyManagerError(meaning_of(refusal).failure, str(refusal))


def meaning_of(refusal: RefusedError) -> Meaning:
    """Return what a refusal means; one with a reason that KMIP does not name is a server out of order."""
    return _MEANINGS.get(refusal.reason, Meaning(KeyManagerFailure.UNAVAILABLE))


def transport_failure(error: TransportError) -> KeyManagerError:
    """Return a failed exchange as the failure of a key manager."""
    return KeyManagerError(_TRANSPORT_FAILURES[error.failure], str(error))


_UNAVAILABLE: Final = Meaning(KeyManagerFailure.UNAVAILABLE)
_DISABLED: Final = Meaning(KeyManagerFailure.KEY_DISABLED)
_NOT_PERMITTED: Final = Meaning(KeyManagerFailure.USAGE_NOT_PERMITTED)
_UNSUPPORTED: Final = Meaning(KeyManagerFailure.UNSUPPORTED)
_UNSUPPORTED_OR_CIPHERTEXT: Final = Meaning(KeyManagerFailure.UNSUPPORTED, may_be_ciphertext=True)
_UNAVAILABLE_OR_CIPHERTEXT: Final = Meaning(KeyManagerFailure.UNAVAILABLE, may_be_ciphertext=True)

_MEANINGS: Final[Mapping[int, Meaning]] = {
    # The object was there when its key was read; the manager looks again before it believes this.
    ResultReason.ITEM_NOT_FOUND: _UNAVAILABLE,
    ResultReason.OBJECT_NOT_FOUND: _UNAVAILABLE,
    ResultReason.OBJECT_DESTROYED: _DISABLED,
    ResultReason.OBJECT_ARCHIVED: _DISABLED,
    ResultReason.WRONG_KEY_LIFECYCLE_STATE: _DISABLED,
    ResultReason.INCOMPATIBLE_CRYPTOGRAPHIC_USAGE_MASK: _NOT_PERMITTED,
    ResultReason.USAGE_LIMIT_EXCEEDED: _NOT_PERMITTED,
    # 1.4 has these for a key's state and usage, too; the manager looks at the key to tell.
    ResultReason.PERMISSION_DENIED: _UNAVAILABLE,
    ResultReason.NOT_AUTHORISED: _UNAVAILABLE,
    ResultReason.ILLEGAL_OPERATION: _UNAVAILABLE,
    # What a wrong tag should be (KMIP Profiles, CS-BC-M-GCM), and what it is where the server does not expect one.
    ResultReason.CRYPTOGRAPHIC_FAILURE: _UNAVAILABLE_OR_CIPHERTEXT,
    ResultReason.GENERAL_FAILURE: _UNAVAILABLE_OR_CIPHERTEXT,
    ResultReason.INTERNAL_SERVER_ERROR: _UNAVAILABLE_OR_CIPHERTEXT,
    ResultReason.INVALID_FIELD: _UNSUPPORTED_OR_CIPHERTEXT,
    ResultReason.BAD_CRYPTOGRAPHIC_PARAMETERS: _UNSUPPORTED_OR_CIPHERTEXT,
    ResultReason.MISSING_DATA: _UNSUPPORTED,
    ResultReason.MISSING_INITIALIZATION_VECTOR: _UNSUPPORTED,
    ResultReason.UNSUPPORTED_CRYPTOGRAPHIC_PARAMETERS: _UNSUPPORTED,
    ResultReason.OPERATION_NOT_SUPPORTED: _UNSUPPORTED,
    ResultReason.FEATURE_NOT_SUPPORTED: _UNSUPPORTED,
    ResultReason.RESPONSE_TOO_LARGE: _UNSUPPORTED,
    ResultReason.SERVER_LIMIT_EXCEEDED: Meaning(KeyManagerFailure.OVERLOADED),
    ResultReason.AUTHENTICATION_NOT_SUCCESSFUL: _UNAVAILABLE,
    ResultReason.INVALID_MESSAGE: _UNAVAILABLE,
    ResultReason.UNSUPPORTED_PROTOCOL_VERSION: _UNAVAILABLE,
    ResultReason.KEY_VALUE_NOT_PRESENT: _UNAVAILABLE,
    ResultReason.PROTECTION_STORAGE_UNAVAILABLE: _UNAVAILABLE,
    ResultReason.APPLICATION_NAMESPACE_NOT_SUPPORTED: _UNSUPPORTED,
    ResultReason.OBJECT_ALREADY_EXISTS: _UNSUPPORTED,
    ResultReason.NON_UNIQUE_NAME_ATTRIBUTE: _UNSUPPORTED,
}

_TRANSPORT_FAILURES: Final = {
    TransportFailure.NO_CONNECTION: KeyManagerFailure.UNAVAILABLE,
    TransportFailure.NO_NETWORK: KeyManagerFailure.UNAVAILABLE,
    TransportFailure.NO_TLS: KeyManagerFailure.UNAVAILABLE,
    TransportFailure.TIMED_OUT: KeyManagerFailure.TIMED_OUT,
    TransportFailure.BAD_ANSWER: KeyManagerFailure.UNAVAILABLE,
}
