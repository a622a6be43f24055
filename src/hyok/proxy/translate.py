"""The one map from the ways a key manager fails to the errors of the XKS proxy API."""

from __future__ import annotations

from hyok.keymanagers.errors import KeyManagerFailure
from hyok.xks.errors import XksErrorName
from hyok.xks.uri import XksOperation


def translate(failure: KeyManagerFailure, operation: XksOperation) -> XksErrorName:
    """Return the error to answer; INTERNAL where the operation knows none for this failure (XKS API, Errors).

    An Encrypt whose own output the manager rejects, for example, is no InvalidCiphertextException.
    """
    name = _name_of(failure)
    return name if operation in name.operations else XksErrorName.INTERNAL


def _name_of(failure: KeyManagerFailure) -> XksErrorName:
    match failure:
        case KeyManagerFailure.KEY_NOT_FOUND:
            return XksErrorName.KEY_NOT_FOUND
        case KeyManagerFailure.KEY_DISABLED:
            return XksErrorName.INVALID_STATE
        case KeyManagerFailure.USAGE_NOT_PERMITTED:
            return XksErrorName.INVALID_KEY_USAGE
        case KeyManagerFailure.CIPHERTEXT_REJECTED:
            return XksErrorName.INVALID_CIPHERTEXT
        case KeyManagerFailure.UNSUPPORTED:
            return XksErrorName.UNSUPPORTED_OPERATION
        case KeyManagerFailure.OVERLOADED:
            return XksErrorName.THROTTLING
        case KeyManagerFailure.TIMED_OUT:
            return XksErrorName.DEPENDENCY_TIMEOUT
        case KeyManagerFailure.UNAVAILABLE:
            return XksErrorName.INTERNAL
