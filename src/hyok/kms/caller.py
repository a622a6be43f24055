"""Who calls: from a request's signature to an account, a Region and a principal.

`CallerIdentification` is the seam: `AnyCredentials` believes what a signature claims; one that verifies signatures
takes its place without a change to the pipeline.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final, NamedTuple, Protocol

from hyok.errors import HyokError
from hyok.kms.identities import FULL_ACCESS, Identity
from hyok.kms.key_names import partition_of, root_arn
from hyok.sigv4.authorization import parse_authorization
from hyok.sigv4.errors import SignatureError
from hyok.transport.messages import HttpRequest

_ACCOUNT: Final = re.compile(r"[0-9]{12}")
_ACCESS_KEY_ID: Final = re.compile(r"[A-Za-z0-9_+=,.@-]{1,128}")
REGION: Final = re.compile(r"[a-z0-9-]{1,32}")
"""What can be a Region at all; hyok knows no list of them."""
_REMEMBERED_CALLERS: Final = 1024


class Caller(NamedTuple):
    """An identified caller and the Region that is called."""

    account: str
    """12 digits."""
    region: str
    principal_arn: str
    user_id: str
    """The principal's unique id, as STS names it."""
    identity: Identity = FULL_ACCESS
    """The principal's own rights."""


class IdentificationFailure(Enum):
    """Why a caller is not identified. The values are AWS's texts."""

    UNSIGNED = "Missing Authentication Token"
    UNREADABLE_SIGNATURE = "The Authorization header cannot be read as AWS Signature Version 4."
    INVALID_REGION = "Credential should be scoped to a valid region."
    UNKNOWN_ACCESS_KEY = "The security token included in the request is invalid."
    SIGNATURE_MISMATCH = (
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
        "Key and signing method. Consult the service documentation for details."
    )
    EXPIRED = "Signature expired: the request was signed more than 5 minutes ago."
    NOT_YET_CURRENT = "Signature not yet current: the request was signed more than 5 minutes ahead."
    WRONG_SERVICE = "Credential should be scoped to correct service: 'kms'."
    WRONG_DATE = "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP."


class UnidentifiedCallerError(HyokError):
    """A request whose caller is not known; each protocol has its own codes for the reasons."""

    def __init__(self, failure: IdentificationFailure) -> None:
        super().__init__(failure.value)
        self.failure = failure


class CallerIdentification(Protocol):
    """Decides who calls."""

    def identify(self, request: HttpRequest) -> Caller:
        """Return who sent a request. Raises `UnidentifiedCallerError`."""
        ...


class AnyCredentials:
    """Takes every signature for what it claims to be, as local emulators do. For loopback addresses only.

    An access key id of 12 digits is the account, called as its root user. Any other is a user of that name in the
    default account, so that two credentials are two principals.
    """

    def __init__(self, *, account: str, region: str, allow_unsigned: bool = False) -> None:
        self._account = account
        self._region = region
        self._allow_unsigned = allow_unsigned
        self._callers: dict[tuple[bytes, bytes], Caller] = {}

    def identify(self, request: HttpRequest) -> Caller:
        """Return who the signature claims to be from."""
        if not request.authorization:
            return self._identify_unsigned()
        try:
            authorization = parse_authorization(request.authorization)
        except SignatureError as error:
            raise UnidentifiedCallerError(IdentificationFailure.UNREADABLE_SIGNATURE) from error
        claim = authorization.access_key_id, authorization.region
        caller = self._callers.get(claim)
        return self._remember(claim) if caller is None else caller

    def _identify_unsigned(self) -> Caller:
        if not self._allow_unsigned:
            raise UnidentifiedCallerError(IdentificationFailure.UNSIGNED)
        return _root_user(self._account, self._region)

    def _remember(self, claim: tuple[bytes, bytes]) -> Caller:
        access_key_id, region = (part.decode("latin-1") for part in claim)
        if not REGION.fullmatch(region):
            raise UnidentifiedCallerError(IdentificationFailure.INVALID_REGION)
        if not _ACCESS_KEY_ID.fullmatch(access_key_id):
            raise UnidentifiedCallerError(IdentificationFailure.UNKNOWN_ACCESS_KEY)
        caller = (
            _root_user(access_key_id, region)
            if _ACCOUNT.fullmatch(access_key_id)
            else _user(self._account, region, access_key_id)
        )
        if len(self._callers) >= _REMEMBERED_CALLERS:
            self._callers.clear()
        self._callers[claim] = caller
        return caller


def _root_user(account: str, region: str) -> Caller:
    return Caller(account, region, root_arn(account, region), account)


def _user(account: str, region: str, name: str) -> Caller:
    return Caller(account, region, f"arn:{partition_of(region)}:iam::{account}:user/{name}", name)
