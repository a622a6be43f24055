"""One KMS request from top to bottom: who calls, what for, do it, answer.

The AWS KMS API is JSON 1.1 on `POST /`. On the same port STS answers GetCallerIdentity, because Terraform and many
set-ups ask it first, and `GET /ping` tells a load balancer that the service runs.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from typing import Final

from hyok.awsjson.errors import AwsError
from hyok.awsjson.service import ServiceModel
from hyok.errors import HyokError
from hyok.kms import errors
from hyok.kms.authorization import Authorization
from hyok.kms.call import Call
from hyok.kms.call_attributes import GivenAttributes
from hyok.kms.caller import Caller, CallerIdentification, IdentificationFailure, UnidentifiedCallerError
from hyok.kms.events.calls import Events
from hyok.kms.identity import answer_get_caller_identity
from hyok.kms.operation import Operation, OperationFamily
from hyok.kms.request_quotas import RequestQuotas
from hyok.kms.trace import CallTrace
from hyok.random_stock import RandomStock
from hyok.transport.messages import HttpRequest, HttpResponse, Peer, Refusal

_UUID_BYTES: Final = 16
_JSON: Final = b"application/x-amz-json-1.1"
_FORM: Final = b"application/x-www-form-urlencoded"
_INTERNAL: Final = "KMSInternalException"
_INTERNAL_TEXT: Final = "The request was rejected because an internal exception occurred. The request can be retried."

_IDENTIFICATION_CODES: Final[Mapping[IdentificationFailure, str]] = {
    IdentificationFailure.UNSIGNED: "MissingAuthenticationTokenException",
    IdentificationFailure.UNREADABLE_SIGNATURE: "IncompleteSignatureException",
    IdentificationFailure.INVALID_REGION: "InvalidSignatureException",
    IdentificationFailure.UNKNOWN_ACCESS_KEY: "UnrecognizedClientException",
    IdentificationFailure.SIGNATURE_MISMATCH: "InvalidSignatureException",
    IdentificationFailure.EXPIRED: "InvalidSignatureException",
    IdentificationFailure.NOT_YET_CURRENT: "InvalidSignatureException",
    IdentificationFailure.WRONG_SERVICE: "InvalidSignatureException",
    IdentificationFailure.WRONG_DATE: "InvalidSignatureException",
}

_log = logging.getLogger(__name__)


class KmsService:
    """The AWS KMS API over what the operation families do; an `HttpService`."""

    def __init__(
        self,
        *,
        model: ServiceModel,
        families: tuple[OperationFamily, ...],
        identification: CallerIdentification,
        authorization: Authorization,
        events: Events | None = None,
        attributes: GivenAttributes | None = None,
        quotas: RequestQuotas | None = None,
    ) -> None:
        """`attributes` lets callers say what at AWS the way of a call decides; for tests only."""
        self._model = model
        self._identification = identification
        self._authorization = authorization
        self._events = events
        self._attributes = attributes
        self._quotas = quotas
        self._random = RandomStock(_UUID_BYTES)
        self._operations: dict[str, Operation] = {}
        for family in families:
            self._operations.update(family.operations())

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer one request; never raises."""
        request_id = _request_id(self._random.take())
        try:
            if request.method != b"POST":
                return self._answer_without_body(request, request_id)
            target = request.header(b"x-amz-target")
            if not target and request.header(b"content-type").startswith(_FORM):
                return answer_get_caller_identity(request, self._identification, request_id)
            # 1. What is asked.
            operation = self._model.operation_of(target)
            # 2. Who asks.
            caller = self._identification.identify(request)
            call = self._call(request_id, operation, caller, request)
            if self._events is None:
                return await self._carry_out(call, request)
            return await self._carry_out_recorded(self._events, call, request, caller.user_id)
        except Exception as error:  # noqa: BLE001  # the one boundary: a defect of ours is an answer, not a lost request
            return self._refuse_for(error, request_id)

    def refuse(self, refusal: Refusal, peer: Peer) -> HttpResponse:
        """Put a refusal of the transport into AWS's words."""
        response = self._refuse(AwsError(_refusal_code(refusal)), _request_id(self._random.take()))
        response.status = refusal.value
        return response

    def before_answers_leave(self) -> None:
        """Do nothing: what an answer acknowledges was made durable before it was made."""

    def answer_failed(self) -> HttpResponse:
        """Return an internal error."""
        return self._refuse(AwsError(_INTERNAL, _INTERNAL_TEXT), _request_id(self._random.take()))

    def _call(self, request_id: str, operation: str, caller: Caller, request: HttpRequest) -> Call:
        call = Call(
            request_id,
            operation,
            caller.account,
            caller.region,
            caller.principal_arn,
            via_service="",
            source_vpc="",
            source_vpce="",
            source_address=request.peer.address,
            identity=caller.identity,
            trace=None if self._events is None else CallTrace(),
        )
        return call if self._attributes is None else self._attributes.applied_to(call, request)

    async def _carry_out_recorded(self, events: Events, call: Call, request: HttpRequest, user_id: str) -> HttpResponse:
        refusal: AwsError | None = AwsError(_INTERNAL, _INTERNAL_TEXT)
        try:
            response = await self._carry_out(call, request)
            refusal = None
        except AwsError as error:
            refusal = error
            raise
        finally:
            events.called(call, request, user_id, refusal)
        return response

    async def _carry_out(self, call: Call, request: HttpRequest) -> HttpResponse:
        operation = call.operation
        # 3. Whether it is too much, before any work is done.
        if self._quotas is not None:
            self._quotas.admit(call)
        # 4. With what; beyond this line neither JSON nor Base64.
        decoded = self._model.decode_input(operation, request.body)
        perform = self._operations.get(operation)
        if perform is None:
            raise errors.not_there_yet(operation)
        if call.trace is not None:
            call.trace.input = decoded
        # 5. Whether the caller may, as far as that is no question of a key. `KeyAccess` asks the rest.
        self._authorization.require_for_operation(call, decoded)
        # 6. Do it.
        output = await perform(call, decoded)
        if call.trace is not None:
            call.trace.output = output
        # 7. Answer.
        return _respond(200, self._model.encode_output(operation, output or {}), call.request_id)

    def _answer_without_body(self, request: HttpRequest, request_id: str) -> HttpResponse:
        if request.method == b"GET" and request.target == b"/ping":
            return HttpResponse(200, b"pong", content_type=b"text/plain")
        return self._refuse(AwsError("UnknownOperationException"), request_id)

    def _refuse_for(self, error: Exception, request_id: str) -> HttpResponse:
        if isinstance(error, UnidentifiedCallerError):
            error = AwsError(_IDENTIFICATION_CODES[error.failure], str(error))
        try:
            if isinstance(error, AwsError):
                return self._refuse(error, request_id)
        except ValueError as defect:  # an error that AWS KMS does not have
            error = defect
        _log_defect(error, request_id)
        return self._refuse(AwsError(_INTERNAL, _INTERNAL_TEXT), request_id)

    def _refuse(self, error: AwsError, request_id: str) -> HttpResponse:
        status, body = self._model.encode_error(error)
        return _respond(status, body, request_id)


def _respond(status: int, body: bytes, request_id: str) -> HttpResponse:
    return HttpResponse(status, body, content_type=_JSON, headers=((b"x-amzn-RequestId", request_id.encode("ascii")),))


def _request_id(random: bytes) -> str:
    """Return 16 random bytes as a UUID (RFC 9562, version 4), without the price of a UUID object."""
    digits = random.hex()
    variant = "89ab"[random[8] % 4]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def _refusal_code(refusal: Refusal) -> str:
    match refusal:
        case Refusal.MALFORMED | Refusal.HEAD_TOO_LARGE:
            return "MalformedHttpRequestException"
        case Refusal.BODY_TOO_LARGE:
            return "RequestEntityTooLargeException"
        case Refusal.TOO_SLOW:
            return "RequestTimeoutException"


def _log_defect(error: Exception, request_id: str) -> None:
    """Log what went wrong and where. Only our own errors promise to hold no value, so only their text is logged."""
    text = f": {error}" if isinstance(error, HyokError) else ""
    where = "".join(traceback.format_tb(error.__traceback__))
    _log.error("request %s failed inside KMS with %s%s\n%s", request_id, type(error).__name__, text, where)
