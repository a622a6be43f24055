"""STS on the KMS port: GetCallerIdentity and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hyok.awsjson.sts_query import (
    CONTENT_TYPE,
    CallerIdentity,
    StsError,
    StsFailure,
    encode_caller_identity,
    encode_sts_error,
    require_get_caller_identity,
)
from hyok.kms.caller import CallerIdentification, IdentificationFailure, UnidentifiedCallerError
from hyok.transport.messages import HttpRequest, HttpResponse

_FAILURES: Final[Mapping[IdentificationFailure, StsFailure]] = {
    IdentificationFailure.UNSIGNED: StsFailure.MISSING_AUTHENTICATION_TOKEN,
    IdentificationFailure.UNREADABLE_SIGNATURE: StsFailure.INCOMPLETE_SIGNATURE,
    IdentificationFailure.INVALID_REGION: StsFailure.SIGNATURE_DOES_NOT_MATCH,
    IdentificationFailure.UNKNOWN_ACCESS_KEY: StsFailure.INVALID_CLIENT_TOKEN_ID,
    IdentificationFailure.SIGNATURE_MISMATCH: StsFailure.SIGNATURE_DOES_NOT_MATCH,
    IdentificationFailure.EXPIRED: StsFailure.SIGNATURE_DOES_NOT_MATCH,
    IdentificationFailure.NOT_YET_CURRENT: StsFailure.SIGNATURE_DOES_NOT_MATCH,
    IdentificationFailure.WRONG_SERVICE: StsFailure.SIGNATURE_DOES_NOT_MATCH,
    IdentificationFailure.WRONG_DATE: StsFailure.SIGNATURE_DOES_NOT_MATCH,
}


def answer_get_caller_identity(
    request: HttpRequest, identification: CallerIdentification, request_id: str
) -> HttpResponse:
    """Tell a caller who it is, or refuse in STS's words."""
    try:
        body = _identify(request, identification, request_id)
        status = 200
    except StsError as error:
        status, body = encode_sts_error(error, request_id=request_id)
    headers = ((b"x-amzn-RequestId", request_id.encode("ascii")),)
    return HttpResponse(status, body, content_type=CONTENT_TYPE, headers=headers)


def _identify(request: HttpRequest, identification: CallerIdentification, request_id: str) -> bytes:
    require_get_caller_identity(request.body)
    try:
        caller = identification.identify(request)
    except UnidentifiedCallerError as error:
        raise StsError(_FAILURES[error.failure], str(error)) from error
    identity = CallerIdentity(caller.account, caller.principal_arn, caller.user_id)
    return encode_caller_identity(identity, request_id=request_id)
