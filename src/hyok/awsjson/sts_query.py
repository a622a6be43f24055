"""The one operation of AWS STS that every set-up calls: GetCallerIdentity, in AWS's Query protocol (form in, XML out).

Not JSON at all, but its smallest neighbour: SDKs and Terraform ask the same port who they are.
"""

from __future__ import annotations

from enum import Enum
from html import escape
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

from hyok.errors import HyokError

CONTENT_TYPE: Final = b"text/xml"

_ACTION: Final = "GetCallerIdentity"
_VERSION: Final = "2011-06-15"
_NAMESPACE: Final = f"https://sts.amazonaws.com/doc/{_VERSION}/"
_MOST_FIELDS: Final = 100
_LONGEST_NAME: Final = 64


class StsFailure(Enum):
    """How a Query request fails: AWS's code and HTTP status."""

    ACCESS_DENIED = ("AccessDenied", 403)
    INCOMPLETE_SIGNATURE = ("IncompleteSignature", 400)
    INTERNAL_FAILURE = ("InternalFailure", 500)
    INVALID_ACTION = ("InvalidAction", 400)
    INVALID_CLIENT_TOKEN_ID = ("InvalidClientTokenId", 403)
    MALFORMED_QUERY_STRING = ("MalformedQueryString", 400)
    MISSING_ACTION = ("MissingAction", 400)
    MISSING_AUTHENTICATION_TOKEN = ("MissingAuthenticationToken", 403)
    SIGNATURE_DOES_NOT_MATCH = ("SignatureDoesNotMatch", 403)
    THROTTLING = ("Throttling", 400)

    @property
    def code(self) -> str:
        """The code as XML carries it."""
        return self.value[0]

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.value[1]


class StsError(HyokError):
    """An error for the caller of STS."""

    def __init__(self, failure: StsFailure, message: str) -> None:
        super().__init__(f"{failure.code}: {message}")
        self.failure = failure
        self.message = message


class CallerIdentity(NamedTuple):
    """Who calls: the 12-digit account, the principal's ARN and its unique id."""

    account: str
    arn: str
    user_id: str


def require_get_caller_identity(body: bytes) -> None:
    """Return if a form body asks for GetCallerIdentity of version 2011-06-15; StsError for anything else."""
    try:
        fields = dict(parse_qsl(body.decode(), max_num_fields=_MOST_FIELDS, errors="strict"))
    except ValueError as error:
        raise StsError(StsFailure.MALFORMED_QUERY_STRING, "The query string contains a syntax error.") from error
    action, version = fields.get("Action", ""), fields.get("Version", "")
    if not action:
        raise StsError(StsFailure.MISSING_ACTION, "The request is missing an action or a required parameter.")
    if (action, version) != (_ACTION, _VERSION):
        message = (
            f"Could not find operation {_printable(action)} for version {_printable(version) or 'NO_VERSION_SPECIFIED'}"
        )
        raise StsError(StsFailure.INVALID_ACTION, message)


def encode_caller_identity(identity: CallerIdentity, *, request_id: str) -> bytes:
    """Return the XML answer to GetCallerIdentity."""
    result = (
        f"<Arn>{escape(identity.arn)}</Arn><UserId>{escape(identity.user_id)}</UserId>"
        f"<Account>{escape(identity.account)}</Account>"
    )
    return (
        f'<{_ACTION}Response xmlns="{_NAMESPACE}"><{_ACTION}Result>{result}</{_ACTION}Result>'
        f"<ResponseMetadata><RequestId>{escape(request_id)}</RequestId></ResponseMetadata></{_ACTION}Response>"
    ).encode()


def encode_sts_error(error: StsError, *, request_id: str) -> tuple[int, bytes]:
    """Return the HTTP status and the XML body."""
    kind = "Receiver" if error.failure is StsFailure.INTERNAL_FAILURE else "Sender"
    body = (
        f'<ErrorResponse xmlns="{_NAMESPACE}"><Error><Type>{kind}</Type><Code>{error.failure.code}</Code>'
        f"<Message>{escape(error.message)}</Message></Error><RequestId>{escape(request_id)}</RequestId></ErrorResponse>"
    )
    return error.failure.status, body.encode()


def _printable(name: str) -> str:
    """Return a name as an answer may echo it: XML cannot hold every character."""
    return "".join(character if " " <= character <= "~" else "?" for character in name[:_LONGEST_NAME])
