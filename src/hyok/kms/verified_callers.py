"""Callers known by their signature: AWS Signature Version 4 by a principal's secret, over what was received."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hyok.clock import Clock
from hyok.errors import HyokError
from hyok.kms.caller import REGION, Caller, IdentificationFailure, UnidentifiedCallerError
from hyok.kms.principals import Principals
from hyok.sigv4.authorization import parse_authorization
from hyok.sigv4.errors import SignatureError, SignatureFailure
from hyok.sigv4.verification import verify
from hyok.transport.messages import HttpRequest

_SERVICES: Final = (b"kms", b"sts")
_MUST_BE_SIGNED: Final = (b"x-amz-target",)
"""What decides what is done; the host always must be, and the body is."""
_REMEMBERED_REGIONS: Final = 256
_SECURITY_TOKEN: Final = b"x-amz-security-token"


class StalePrincipalsError(HyokError):
    """A principal may have been deleted meanwhile, and this service would not know."""


class VerifiedCallers:
    """Believes nobody whose signature is not fresh and right. A `CallerIdentification`."""

    def __init__(self, principals: Principals, *, clock: Clock, is_stale: Callable[[], bool]) -> None:
        self._principals = principals
        self._clock = clock
        self._is_stale = is_stale
        self._regions: dict[bytes, str] = {}

    def identify(self, request: HttpRequest) -> Caller:
        """Return who signed a request. StalePrincipalsError while the storage cannot be followed."""
        if not request.authorization:
            raise UnidentifiedCallerError(IdentificationFailure.UNSIGNED)
        if self._is_stale():
            raise StalePrincipalsError("the change log of the storage cannot be read, so nobody is let in")
        try:
            return self._identify(request)
        except SignatureError as error:
            raise UnidentifiedCallerError(_failure_of(error.reason)) from error

    def _identify(self, request: HttpRequest) -> Caller:
        # 1. Who claims to have signed. Sessions with a token of STS are none of ours.
        authorization = parse_authorization(request.authorization)
        principal = self._principals.find(authorization.access_key_id)
        if principal is None or request.header(_SECURITY_TOKEN):
            raise UnidentifiedCallerError(IdentificationFailure.UNKNOWN_ACCESS_KEY)
        # 2. For what: checked before a key is derived, so that nobody fills the cache with scopes of their own.
        service = authorization.service
        if service not in _SERVICES:
            raise UnidentifiedCallerError(IdentificationFailure.WRONG_SERVICE)
        region = self._region(authorization.region)
        # 3. The proof.
        verify(
            request,
            authorization,
            signing_key=principal.signing_keys.for_scope(authorization.date, authorization.region, service),
            service=service,
            now=self._clock.now(),
            required_headers=_MUST_BE_SIGNED,
        )
        if authorization.region not in self._regions:
            if len(self._regions) >= _REMEMBERED_REGIONS:
                self._regions.clear()
            self._regions[authorization.region] = region
        return Caller(principal.account, region, principal.arn, principal.user_id, principal.identity)

    def _region(self, name: bytes) -> str:
        known = self._regions.get(name)
        if known is not None:
            return known
        region = name.decode("latin-1")
        if not REGION.fullmatch(region):
            raise UnidentifiedCallerError(IdentificationFailure.INVALID_REGION)
        return region


def _failure_of(reason: SignatureFailure) -> IdentificationFailure:
    match reason:
        case SignatureFailure.STALE:
            return IdentificationFailure.EXPIRED
        case SignatureFailure.EARLY:
            return IdentificationFailure.NOT_YET_CURRENT
        case SignatureFailure.MISMATCH | SignatureFailure.PAYLOAD_MISMATCH:
            return IdentificationFailure.SIGNATURE_MISMATCH
        case SignatureFailure.WRONG_SERVICE:
            return IdentificationFailure.WRONG_SERVICE
        case SignatureFailure.SCOPE_DATE_MISMATCH:
            return IdentificationFailure.WRONG_DATE
        case (
            SignatureFailure.MALFORMED
            | SignatureFailure.DATE_MALFORMED
            | SignatureFailure.HOST_UNSIGNED
            | SignatureFailure.HEADER_UNSIGNED
            | SignatureFailure.SIGNED_HEADER_ABSENT
        ):
            return IdentificationFailure.UNREADABLE_SIGNATURE
