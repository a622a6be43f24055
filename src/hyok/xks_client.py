"""A client of the XKS proxy API: signs requests, sends them in time, and tells apart how they fail.

XksClientError
├── XksRefused       the proxy answered with one of its twelve errors
├── XksUnreachable   there was no answer: no connection, no TLS, or not in time
└── XksMalformed     there was an answer that breaks the XKS proxy API
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from enum import Enum
from typing import Any, Final, TypeVar

from msgspec import Struct

from hyok.clock import Clock, Deadline, deadline_in, remaining_seconds
from hyok.errors import HyokError
from hyok.secret import Secret
from hyok.sigv4.signing import Signer
from hyok.transport.client import HttpClientPool
from hyok.transport.exchange import HttpAnswer, TransportError, TransportFailure
from hyok.xks.codec import (
    MalformedAnswer,
    decode_decrypt_response,
    decode_encrypt_response,
    decode_error,
    decode_get_health_status_response,
    decode_get_key_metadata_response,
    encode_decrypt_request,
    encode_encrypt_request,
    encode_get_health_status_request,
    encode_get_key_metadata_request,
)
from hyok.xks.errors import XksErrorName
from hyok.xks.messages import (
    DecryptRequest,
    DecryptResponse,
    EncryptRequest,
    EncryptResponse,
    GetHealthStatusRequest,
    GetHealthStatusResponse,
    GetKeyMetadataRequest,
    GetKeyMetadataResponse,
    RequestMetadata,
)
from hyok.xks.uri import XksOperation, build_path

SERVICE: Final = "kms-xks-proxy"
EXCHANGE_SECONDS: Final = 0.25
"""What AWS KMS grants an exchange, TCP and TLS included."""

_OK: Final = 200
_POST: Final = b"POST"
_CONTENT_TYPE: Final = (b"content-type", b"application/json")

ResponseT = TypeVar("ResponseT", bound=Struct)


class XksClientError(HyokError):
    """An XKS request that brought no result."""


class XksRefused(XksClientError):  # noqa: N818  # named for what happened, as its siblings are
    """The proxy answered with an error of the XKS proxy API."""

    def __init__(self, name: XksErrorName, *, status: int, message: str = "") -> None:
        wrong_status = f" with status {status} instead of {name.status}" if status != name.status else ""
        super().__init__(f"{name.value}{wrong_status}: {message}" if message else f"{name.value}{wrong_status}")
        self.name = name
        self.status = status
        """The HTTP status; the name decides even where the specification gives it another one."""


class Unreachable(Enum):
    """How far KMS got."""

    NO_CONNECTION = "no connection"
    NO_NETWORK = "no network"
    NO_TLS = "no TLS"
    TIMED_OUT = "timed out"


class XksUnreachable(XksClientError):  # noqa: N818  # as above
    """There was no answer."""

    def __init__(self, kind: Unreachable, detail: str) -> None:
        super().__init__(f"{kind.value}: {detail}")
        self.kind = kind


class XksMalformed(XksClientError):  # noqa: N818  # as above
    """The proxy's answer breaks the XKS proxy API. The text names what is wrong and holds no value."""


class XksProxyClient:
    """Speaks to one external key store proxy, with one credential. Every method raises XksClientError and no other.

    An exchange has `exchange_seconds`; if they pass without an answer it is tried once more, as AWS KMS does, and for
    no other reason. `deadline` ends all of it.
    """

    def __init__(
        self,
        pool: HttpClientPool,
        *,
        host: str,
        uri_path: str,
        region: str,
        access_key_id: str,
        secret: Secret,
        clock: Clock,
        exchange_seconds: float = EXCHANGE_SECONDS,
    ) -> None:
        self._pool = pool
        self._host = (b"host", host.encode())
        self._uri_path = uri_path
        self._signer = Signer(access_key_id=access_key_id, secret=secret, region=region, service=SERVICE)
        self._clock = clock
        self._exchange_seconds = exchange_seconds

    def get_key_metadata(
        self, key_id: str, metadata: RequestMetadata, deadline: Deadline
    ) -> Coroutine[Any, Any, GetKeyMetadataResponse]:
        """Ask for a key's kind and state."""
        target = build_path(self._uri_path, XksOperation.GET_KEY_METADATA, key_id)
        body = encode_get_key_metadata_request(GetKeyMetadataRequest(metadata))
        return self._exchange(target, body, decode_get_key_metadata_response, deadline)

    def encrypt(self, key_id: str, request: EncryptRequest, deadline: Deadline) -> Coroutine[Any, Any, EncryptResponse]:
        """Encrypt. The parts of the answer have permitted sizes; whether they are right, only the caller can tell."""
        target = build_path(self._uri_path, XksOperation.ENCRYPT, key_id)
        return self._exchange(target, encode_encrypt_request(request), decode_encrypt_response, deadline)

    def decrypt(self, key_id: str, request: DecryptRequest, deadline: Deadline) -> Coroutine[Any, Any, DecryptResponse]:
        """Decrypt."""
        target = build_path(self._uri_path, XksOperation.DECRYPT, key_id)
        return self._exchange(target, encode_decrypt_request(request), decode_decrypt_response, deadline)

    def get_health_status(
        self, metadata: RequestMetadata, deadline: Deadline
    ) -> Coroutine[Any, Any, GetHealthStatusResponse]:
        """Ask how the proxy and its external key manager are."""
        target = build_path(self._uri_path, XksOperation.GET_HEALTH_STATUS)
        body = encode_get_health_status_request(GetHealthStatusRequest(metadata))
        return self._exchange(target, body, decode_get_health_status_response, deadline)

    async def _exchange(
        self, target: bytes, body: bytes, decode: Callable[[bytes], ResponseT], deadline: Deadline
    ) -> ResponseT:
        """Send a request and read its answer."""
        # Only the host and the date are signed: the XKS proxy API asks for no more, and proxies may fold the rest.
        signed = self._signer.sign(method=_POST, target=target, headers=(self._host,), body=body, now=self._clock.now())
        headers = (self._host, _CONTENT_TYPE, *signed)
        is_second = False
        while True:
            try:
                answer = await self._pool.exchange(
                    method=_POST,
                    target=target,
                    headers=headers,
                    body=body,
                    deadline=min(deadline, deadline_in(self._exchange_seconds)),
                )
            except TransportError as error:
                is_late = error.failure is TransportFailure.TIMED_OUT
                if is_second or not is_late or remaining_seconds(deadline) <= 0:
                    raise _translate(error) from error
                is_second = True
            else:
                return _read(answer, decode)


def _translate(error: TransportError) -> XksClientError:
    match error.failure:
        case TransportFailure.NO_CONNECTION:
            return XksUnreachable(Unreachable.NO_CONNECTION, error.detail)
        case TransportFailure.NO_NETWORK:
            return XksUnreachable(Unreachable.NO_NETWORK, error.detail)
        case TransportFailure.NO_TLS:
            return XksUnreachable(Unreachable.NO_TLS, error.detail)
        case TransportFailure.TIMED_OUT:
            return XksUnreachable(Unreachable.TIMED_OUT, error.detail)
        case TransportFailure.BAD_ANSWER:
            return XksMalformed(error.detail)


def _read(answer: HttpAnswer, decode: Callable[[bytes], ResponseT]) -> ResponseT:
    if answer.status != _OK:
        raise _refusal(answer)
    try:
        return decode(answer.body)
    except MalformedAnswer as error:
        raise XksMalformed(str(error)) from error


def _refusal(answer: HttpAnswer) -> XksClientError:
    error = decode_error(answer.status, answer.body)
    if error is None:
        return XksMalformed(f"an answer of {len(answer.body)} bytes with status {answer.status} that is no XKS error")
    return XksRefused(error.name, status=answer.status, message=error.message)
