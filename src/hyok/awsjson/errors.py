"""AWS's errors: a code, mostly with a message, and how they look in JSON 1.1."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from hyok.errors import HyokError

UNMODELLED_STATUSES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "AccessDeniedException": 400,
        "ExpiredTokenException": 400,
        "IncompleteSignatureException": 400,
        "InternalFailure": 500,
        "InvalidSignatureException": 400,
        "MalformedHttpRequestException": 400,
        "MissingAuthenticationTokenException": 400,
        "NotAuthorizedException": 400,
        "RequestEntityTooLargeException": 413,
        "RequestTimeoutException": 408,
        "SerializationException": 400,
        "ServiceUnavailableException": 503,
        "ThrottlingException": 400,
        "UnknownOperationException": 400,
        "UnrecognizedClientException": 400,
        "ValidationException": 400,
    }
)
"""The codes that AWS uses for every service and models for none, with their HTTP status."""

_WITHOUT_MESSAGE: Final = frozenset(
    {"InvalidCiphertextException", "KMSInvalidMacException", "KMSInvalidSignatureException"}
)
# AWS's front door capitalises the member in these two; SDKs read either spelling.
_CAPITALISED: Final = frozenset({"AccessDeniedException", "SerializationException"})


class AwsError(HyokError):
    """An error for the caller of an AWS API: its code, as SDKs name the exception, and a message or none."""

    def __init__(self, code: str, message: str | None = None) -> None:
        super().__init__(code if message is None else f"{code}: {message}")
        self.code = code
        self.message = message


def encode_error(error: AwsError, statuses: Mapping[str, int]) -> tuple[int, bytes]:
    """Return the HTTP status and the body. ValueError for a code that AWS does not have.

    InvalidCiphertextException, KMSInvalidMacException and KMSInvalidSignatureException never carry a message.
    """
    status = statuses.get(error.code)
    if status is None:
        raise ValueError(
            f"AWS KMS has no error {error.code!r}; use a code of its service model or of every AWS service"
        )
    members = {"__type": error.code}
    if error.message is not None and error.code not in _WITHOUT_MESSAGE:
        members["Message" if error.code in _CAPITALISED else "message"] = error.message
    return status, msgspec.json.encode(members)
