"""Why a signature is not accepted."""

from __future__ import annotations

from enum import Enum

from hyok.errors import HyokError


class SignatureFailure(Enum):
    """The closed set of reasons; the value says it in words."""

    MALFORMED = "the signature's terms cannot be read"
    DATE_MALFORMED = "x-amz-date is missing or not of the form YYYYMMDDTHHMMSSZ"
    WRONG_SERVICE = "the credential scope names another service"
    SCOPE_DATE_MISMATCH = "the credential scope's date is not the day of x-amz-date"
    STALE = "the request was signed too long ago"
    EARLY = "the request was signed too far in the future"
    HOST_UNSIGNED = "the host header is not signed"
    HEADER_UNSIGNED = "a header that must be signed is not"
    SIGNED_HEADER_ABSENT = "a signed header is not in the request"
    PAYLOAD_MISMATCH = "x-amz-content-sha256 does not describe the body"
    MISMATCH = "the signature does not match the request"


class SignatureError(HyokError):
    """A request that is not authentic. The text never holds a signature, be it the received or the expected one."""

    def __init__(self, reason: SignatureFailure, detail: str = "") -> None:
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason
