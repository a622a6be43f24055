"""One request to the external key store proxy, from top to bottom (`ProxyService._serve`), and the record it leaves.

Steps, in order: route, method, authenticate, admit, decode, authorize, perform, encode, record.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import Final

from hyok.audit.event import RequestRecord
from hyok.audit.log import AuditLog
from hyok.clock import Clock, Deadline
from hyok.errors import HyokError
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import KeyManager, answered_by
from hyok.metrics.registry import MetricsRegistry
from hyok.proxy.authentication import authenticate
from hyok.proxy.authorization.authorizing import Authorization
from hyok.proxy.call import KeyCall
from hyok.proxy.copies import Copies
from hyok.proxy.deadline import finish_by
from hyok.proxy.freezes import Freezes
from hyok.proxy.health import HealthMonitor
from hyok.proxy.keystores import ExternalKey, KeyStore, KeyStoreDirectory
from hyok.proxy.operations.get_health_status import ProxyIdentity, get_health_status
from hyok.proxy.operations.on_key import KeyRequest, perform_on_key
from hyok.proxy.probes import Probes
from hyok.proxy.routing import Router
from hyok.proxy.translate import translate
from hyok.proxy.wire import XksResponse, encode_response
from hyok.transport.messages import HttpRequest, HttpResponse, Peer, Refusal
from hyok.xks.errors import XksError, XksErrorName, encode_error
from hyok.xks.messages import GetHealthStatusRequest
from hyok.xks.operations import XksOperation

_METHOD_NOT_ALLOWED: Final = "MethodNotAllowed"
_CONNECTION_CLOSED: Final = "ConnectionClosed"
_SLOW_SECONDS: Final = 0.005
"""A request that took so long says in its record where the time went; the first bucket of its metric ends here."""
_RECORDED_CHARACTERS: Final = 256
"""As long as a whole URI may be; a longer target is recorded cut."""
_log = logging.getLogger(__name__)


class ProxyService:
    """The XKS proxy API over key stores and key managers; an `HttpService`."""

    def __init__(
        self,
        *,
        identity: ProxyIdentity,
        key_stores: KeyStoreDirectory,
        key_managers: Mapping[str, KeyManager],
        health: HealthMonitor,
        audit: AuditLog,
        metrics: MetricsRegistry,
        clock: Clock,
        freezes: Freezes,
        is_stale: Callable[[], bool],
        note_use: Callable[[str, float], None],
        authorization: Authorization | None = None,
    ) -> None:
        """`is_stale` tells that `key_stores` may be out of date, for example still offer a key that was withdrawn.

        `note_use` is told the access key id of each authentic request, and when it came.
        """
        self._identity = identity
        self._router = Router(key_stores)
        self._key_managers = key_managers
        self._copies = Copies()
        self._health = health
        self._audit = audit
        self._metrics = metrics
        self._clock = clock
        self._freezes = freezes
        self._is_stale = is_stale
        self._note_use = note_use
        self._authorization = authorization or Authorization()
        self.probes = Probes(health=health, audit=audit, is_stale=is_stale)
        """For load balancers, on this listener and on one of their own."""

    async def answer(self, request: HttpRequest) -> HttpResponse:
        """Answer one request; never raises, but where the caller has gone and it is cancelled."""
        if request.method != b"POST" and (probed := self.probes.answer(request)) is not None:
            return probed
        promised = self._audit.reserve(len(request.body))
        if not promised:
            return self.answer_failed()  # no use of a key without a trace
        now = self._clock.now()
        peer = request.peer
        record = RequestRecord(datetime.fromtimestamp(now, UTC), peer.address, peer.certificate_subject)
        try:
            response = HttpResponse(200, await self._serve(request, record, now))
        except XksError as error:
            response = _refuse(error, record)
        except KeyManagerError as error:
            record.detail = str(error)
            name = translate(error.failure, XksOperation(record.operation))
            response = _refuse(XksError(name, error.failure.value), record)
        except _MethodNotAllowedError:
            record.error = _METHOD_NOT_ALLOWED
            response = HttpResponse(405, b"", headers=((b"allow", b"POST"),))
        except asyncio.CancelledError:
            record.error = _CONNECTION_CLOSED
            self._record(record, request.received_at, promised)
            self.before_answers_leave()
            raise
        except Exception as error:  # noqa: BLE001  # the one boundary: a defect is an answer, not a lost request
            record.detail = _describe_defect(error)
            _log.error("a request failed inside the proxy: %s", record.detail)
            response = _refuse(XksError(XksErrorName.INTERNAL), record)
        # 9. Record.
        record.status = response.status
        if not record.key_store:
            record.target = request.target[:_RECORDED_CHARACTERS].decode("latin-1")
        self._record(record, request.received_at, promised)
        return response

    def refuse(self, refusal: Refusal, peer: Peer) -> HttpResponse:
        """Put a refusal of the transport into the words of the XKS proxy API."""
        record = RequestRecord(datetime.fromtimestamp(self._clock.now(), UTC), peer.address, peer.certificate_subject)
        response = _refuse(_describe_refusal(refusal), record)
        record.status = response.status
        self._record(record, monotonic(), 0)
        return response

    def before_answers_leave(self) -> asyncio.Future[None] | None:
        """Write the records of this turn. AuditLogError if that fails, so that none of its answers leaves."""
        return self._audit.flush()

    def answer_failed(self) -> HttpResponse:
        """Return an internal error without a record: records cannot be written, or a defect left none."""
        return HttpResponse(500, encode_error(XksError(XksErrorName.INTERNAL)))

    async def _serve(self, request: HttpRequest, record: RequestRecord, now: float) -> bytes:
        began_at = monotonic()
        # 1. Route: the path prefix selects the key store, and with it the credentials.
        route = self._router.route(request.target)
        key_store = route.key_store
        record.key_store = key_store.name
        record.operation = route.operation_name
        record.external_key_id = route.key_id
        # 2. Method.
        if request.method != b"POST":
            raise _MethodNotAllowedError
        # 3. Authenticate, over the bytes as received.
        authenticate(request, key_store, record, now)
        self._note_use(record.credential_id, now)
        authenticated_at = monotonic()
        # 4. Admit.
        if self._is_stale():
            raise XksError(XksErrorName.INTERNAL, "this proxy cannot read which keys it may still use")
        if key_store.quota is not None and not key_store.quota.admit():
            raise XksError(XksErrorName.THROTTLING, "the key store's quota of requests per second is used up")
        # 5. Decode: below this line no JSON and no Base64.
        asked = route.decode(request.body)
        record.request_metadata = asked.request_metadata
        # 6. Authorize: nothing that is frozen, and by the policies what uses a key, which GetHealthStatus does not.
        frozen = self._freezes.current
        if frozen is not None:
            frozen.refuse(key_store.name, route.key_id, asked.request_metadata)
        if isinstance(asked, GetHealthStatusRequest):
            work = self._check_health(key_store, request.deadline)
        else:
            key = key_store.external_keys.find(route.key_id)
            if key is None:
                raise XksError(XksErrorName.KEY_NOT_FOUND, "there is no such key in this key store")
            unsettled = self._authorization.decide(request, asked.request_metadata, record, key_store, key, now)
            if unsettled is None:
                work = self._use(asked, key, key_store, request.deadline, record)
            else:
                work = self._use_if(unsettled, asked, key, key_store, request.deadline, record)
        decoded_at = monotonic()
        # 7. Perform, by the deadline.
        if answered_by.get():  # left by a request that began outside a task, as this one does, and went on in one
            answered_by.set("")
        self._metrics.requests_in_flight += 1
        try:
            answered = await finish_by(request.deadline, work)
        finally:
            self._metrics.requests_in_flight -= 1
            performed_at = monotonic()
            if performed_at - request.received_at >= _SLOW_SECONDS:
                _record_stages(record, request.received_at, began_at, authenticated_at, decoded_at, performed_at)
            if instance := answered_by.get():
                record.key_manager_instance = instance
                answered_by.set("")
        # Frozen while the key manager was at it: the answer does not leave.
        if self._freezes.current is not frozen and (frozen := self._freezes.current) is not None:
            frozen.refuse(key_store.name, route.key_id, asked.request_metadata)
        stages = self._metrics.stages
        stages.receive += began_at - request.received_at
        stages.authenticate += authenticated_at - began_at
        stages.decode += decoded_at - authenticated_at
        stages.perform += performed_at - decoded_at
        # 8. Encode.
        return encode_response(answered)

    def _check_health(self, key_store: KeyStore, deadline: Deadline) -> Coroutine[object, None, XksResponse]:
        return get_health_status(self._identity, self._health, key_store.external_keys.key_managers(), deadline)

    async def _use_if(
        self,
        unsettled: Coroutine[object, None, None],
        asked: KeyRequest,
        key: ExternalKey,
        key_store: KeyStore,
        deadline: Deadline,
        record: RequestRecord,
    ) -> XksResponse:
        """Use a key once it is settled that this is allowed."""
        await unsettled
        return await self._use(asked, key, key_store, deadline, record)

    def _use(
        self, asked: KeyRequest, key: ExternalKey, key_store: KeyStore, deadline: Deadline, record: RequestRecord
    ) -> Coroutine[object, None, XksResponse]:
        if key.copies:
            call = partial(self._begin_use, key_store, record)
            return self._copies.perform(asked, key, call, deadline)
        return perform_on_key(asked, self._begin_use(key_store, record, key, deadline))

    def _begin_use(self, key_store: KeyStore, record: RequestRecord, key: ExternalKey, deadline: Deadline) -> KeyCall:
        record.key_manager = key.key_manager
        manager = self._key_managers.get(key.key_manager)
        if manager is None:
            raise KeyManagerError(KeyManagerFailure.UNAVAILABLE, f"the key manager {key.key_manager} is not configured")
        return KeyCall(manager, key, deadline, key_store.predecessors, record)

    def _record(self, record: RequestRecord, received_at: float, promised: int) -> None:
        record.duration_us = duration_us = int((monotonic() - received_at) * 1e6)
        failure = record.authentication_failure
        if record.credential_id and not failure:
            self._audit.append(record, promised)
        else:
            self._audit.append_unauthenticated(record, promised)
        self._metrics.count_request(record.key_store, record.operation, record.error, duration_us)
        if record.flags:
            self._metrics.count_flags(key_store=record.key_store, flags=record.flags)
        if failure:
            self._metrics.count_authentication_failure(key_store=record.key_store, reason=failure)


class _MethodNotAllowedError(HyokError):
    """An API path was asked with another method than POST."""


def _record_stages(
    record: RequestRecord,
    received_at: float,
    began_at: float,
    authenticated_at: float,
    decoded_at: float,
    performed_at: float,
) -> None:
    record.receive_us = int((began_at - received_at) * 1e6)
    record.authenticate_us = int((authenticated_at - began_at) * 1e6)
    record.decode_us = int((decoded_at - authenticated_at) * 1e6)
    record.perform_us = int((performed_at - decoded_at) * 1e6)


def _refuse(error: XksError, record: RequestRecord) -> HttpResponse:
    record.error = error.name.value
    record.detail = record.detail or error.message
    return HttpResponse(error.name.status, encode_error(error))


def _describe_refusal(refusal: Refusal) -> XksError:
    match refusal:
        case Refusal.MALFORMED:
            return XksError(XksErrorName.VALIDATION, "the request is not well-formed HTTP/1.1")
        case Refusal.HEAD_TOO_LARGE:
            return XksError(XksErrorName.VALIDATION, "the request's head is too large")
        case Refusal.BODY_TOO_LARGE:
            return XksError(XksErrorName.UNSUPPORTED_OPERATION, "the request's body is larger than this proxy supports")
        case Refusal.TOO_SLOW:
            return XksError(XksErrorName.VALIDATION, "the request did not arrive in time")


def _describe_defect(error: Exception) -> str:
    # Type and place only: a message can hold values.
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {place.filename}:{place.lineno} in {place.name}"
