"""The twelve errors of the XKS proxy API, with status and operations as data (XKS API, Errors)."""

from __future__ import annotations

from enum import Enum
from typing import Final, Self

from msgspec import Struct
from msgspec.json import Encoder

from hyok.errors import HyokError
from hyok.xks.limits import MAX_ERROR_MESSAGE_CHARACTERS
from hyok.xks.operations import XksOperation

_ALL: Final = frozenset(XksOperation)
_CRYPTO: Final = frozenset({XksOperation.ENCRYPT, XksOperation.DECRYPT})
_ALL_BUT_HEALTH: Final = _ALL - {XksOperation.GET_HEALTH_STATUS}


class XksErrorName(Enum):
    """An error as a proxy answers it; the value is its `errorName` on the wire."""

    VALIDATION = ("ValidationException", 400, _ALL)
    INVALID_STATE = ("InvalidStateException", 400, _ALL)
    INVALID_CIPHERTEXT = ("InvalidCiphertextException", 400, frozenset({XksOperation.DECRYPT}))
    INVALID_KEY_USAGE = ("InvalidKeyUsageException", 400, _CRYPTO)
    AUTHENTICATION_FAILED = ("AuthenticationFailedException", 401, _ALL)
    ACCESS_DENIED = ("AccessDeniedException", 403, _ALL_BUT_HEALTH)
    KEY_NOT_FOUND = ("KeyNotFoundException", 404, _ALL_BUT_HEALTH)
    INVALID_URI_PATH = ("InvalidUriPathException", 404, _ALL)
    THROTTLING = ("ThrottlingException", 429, _ALL)
    UNSUPPORTED_OPERATION = ("UnsupportedOperationException", 501, _ALL)
    DEPENDENCY_TIMEOUT = ("DependencyTimeoutException", 503, _ALL)
    INTERNAL = ("InternalException", 500, _ALL)

    _value_: str
    status: int
    """The HTTP status."""
    operations: frozenset[XksOperation]
    """The operations that may answer with it."""

    def __new__(cls, wire_name: str, status: int, operations: frozenset[XksOperation]) -> Self:
        """Make the name on the wire the member's value, and the rest its attributes."""
        member = object.__new__(cls)
        member._value_ = wire_name
        member.status = status
        member.operations = operations
        return member


class XksError(HyokError):
    """An error to answer, or one that was answered.

    `message` goes out as `errorMessage`: no secret, no plaintext. Whatever it is given, it holds at most 511
    characters of printable ASCII.
    """

    def __init__(self, name: XksErrorName, message: str = "") -> None:
        printable = message if message.isascii() and message.isprintable() else _make_printable(message)
        self.name = name
        self.message = printable[:MAX_ERROR_MESSAGE_CHARACTERS]
        super().__init__(f"{name.value}: {self.message}" if message else name.value)


def encode_error(error: XksError) -> bytes:
    """Write the body of an error's answer; its status is `error.name.status`."""
    return _encode(_ErrorBody(error.name.value, error.message))


class _ErrorBody(Struct, rename="camel", omit_defaults=True, frozen=True):
    error_name: str
    error_message: str = ""


_encode: Final = Encoder().encode


def _make_printable(message: str) -> str:
    return "".join(character if " " <= character <= "~" else "?" for character in message)
