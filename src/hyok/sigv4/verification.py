"""Verifying signatures over what was literally received.

The caller parses the Authorization, finds the credential by its access key id, decides whether its Region is allowed,
and hands over the signing key of that scope; `verify` decides whether the request is authentic and fresh.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Sequence
from typing import Protocol

from hyok.sigv4.authorization import Authorization, Presigned
from hyok.sigv4.canonical import (
    HOST_AND_DATE,
    canonical_plain_request,
    canonical_request,
    fold_headers,
    hash_payload,
    is_plain,
    string_to_sign,
)
from hyok.sigv4.dates import parse_amz_date
from hyok.sigv4.errors import SignatureError, SignatureFailure
from hyok.sigv4.signing import SigningKey

TOLERANCE_SECONDS = 300
"""How far the clocks of signer and verifier may be apart, either way (XKS API, Authentication)."""

UNSIGNED_PAYLOAD = b"UNSIGNED-PAYLOAD"
"""Stands for the payload hash where the body is not signed."""

_CONTENT_SHA256 = b"x-amz-content-sha256"


class ReceivedRequest(Protocol):
    """The parts of a request that a signature covers, as received."""

    @property
    def method(self) -> bytes:
        """The method, in upper case."""

    @property
    def target(self) -> bytes:
        """Path and query exactly as on the request line."""

    @property
    def host(self) -> bytes:
        """The Host header (`:authority` in HTTP/2), with or without port as the client wrote it."""

    @property
    def amz_date(self) -> bytes:
        """The x-amz-date header; empty if there is none."""

    @property
    def headers(self) -> Sequence[tuple[bytes, bytes]]:
        """All headers in order of arrival; names in lower case."""

    @property
    def body(self) -> bytes:
        """The body."""


def verify(
    request: ReceivedRequest,
    authorization: Authorization,
    signing_key: SigningKey,
    service: bytes,
    now: float,
    *,
    tolerance_seconds: int = TOLERANCE_SECONDS,
    required_headers: Collection[bytes] = (),
    allow_unsigned_payload: bool = False,
    normalize_path: bool = True,
) -> None:
    """Return if the request carries a fresh signature by this key; else SignatureError.

    `now` is Unix seconds. `host` must be signed, and each of `required_headers` (lower case) that the request has. The
    body must be signed, unless it is allowed not to be and a signed x-amz-content-sha256 says UNSIGNED-PAYLOAD.
    """
    # 1. The scope: this service, the day of the date that was signed.
    amz_date = request.amz_date
    age_seconds = now - _read_date(amz_date)
    if authorization.service != service or amz_date[:8] != authorization.date:
        raise _out_of_scope(authorization, service)
    # 2. Freshness, either way.
    if not -tolerance_seconds <= age_seconds <= tolerance_seconds:
        raise _not_fresh(age_seconds, limit_seconds=tolerance_seconds)
    # 3. The canonical request; what AWS KMS sends to an XKS proxy needs no header list.
    if authorization.signed_headers == HOST_AND_DATE and not required_headers and is_plain(request.target):
        canonical = canonical_plain_request(request.method, request.target, request.host, amz_date, request.body)
    else:
        canonical = _rebuild(
            request,
            request.target,
            authorization.signed_headers,
            required_headers=required_headers,
            allow_unsigned_payload=allow_unsigned_payload,
            normalize_path=normalize_path,
        )
    # 4. The signature. The date is part of the string to sign, so it is covered even where its header is not signed.
    _check_signature(authorization, amz_date, canonical, signing_key)


def verify_presigned(
    request: ReceivedRequest,
    presigned: Presigned,
    *,
    signing_key: SigningKey,
    service: bytes,
    now: float,
    tolerance_seconds: int = TOLERANCE_SECONDS,
    required_headers: Collection[bytes] = (),
    normalize_path: bool = True,
) -> None:
    """Return if the request's target carries a signature by this key that has not expired; else SignatureError."""
    # 1. The scope.
    age_seconds = now - _read_date(presigned.amz_date)
    if presigned.authorization.service != service or presigned.amz_date[:8] != presigned.authorization.date:
        raise _out_of_scope(presigned.authorization, service)
    # 2. Freshness: the clocks' tolerance before the date, the URL's own lifetime after it.
    if not -tolerance_seconds <= age_seconds <= presigned.expires_seconds:
        raise _not_fresh(age_seconds, limit_seconds=presigned.expires_seconds)
    # 3. The canonical request of the target without its signature.
    canonical = _rebuild(
        request,
        presigned.signed_target,
        presigned.authorization.signed_headers,
        required_headers=required_headers,
        allow_unsigned_payload=False,
        normalize_path=normalize_path,
    )
    # 4. The signature.
    _check_signature(presigned.authorization, presigned.amz_date, canonical, signing_key)


def _out_of_scope(authorization: Authorization, service: bytes) -> SignatureError:
    if authorization.service != service:
        return SignatureError(SignatureFailure.WRONG_SERVICE, f"expected {service.decode()}")
    return SignatureError(SignatureFailure.SCOPE_DATE_MISMATCH)


def _read_date(amz_date: bytes) -> float:
    try:
        return parse_amz_date(amz_date)
    except ValueError as error:
        raise SignatureError(SignatureFailure.DATE_MALFORMED) from error


def _not_fresh(age_seconds: float, *, limit_seconds: int) -> SignatureError:
    if age_seconds < 0:
        return SignatureError(SignatureFailure.EARLY, f"dated {-age_seconds:.0f} seconds ahead")
    return SignatureError(SignatureFailure.STALE, f"{age_seconds:.0f} seconds ago, at most {limit_seconds} allowed")


def _rebuild(
    request: ReceivedRequest,
    target: bytes,
    signed_headers: bytes,
    *,
    required_headers: Collection[bytes],
    allow_unsigned_payload: bool,
    normalize_path: bool,
) -> bytes:
    signed_names = signed_headers.split(b";")
    # Only what is signed: an SDK sends twice as many.
    headers = fold_headers([header for header in request.headers if header[0] in signed_names])
    # The two picked values stand for their headers on the long way as on the short one. (HTTP/2 has no Host anyway.)
    if request.host:
        headers[b"host"] = request.host
    if request.amz_date:
        headers[b"x-amz-date"] = request.amz_date
    _check_signed_headers(request, headers, signed_names, required_headers)
    declared_hash = headers[_CONTENT_SHA256] if _CONTENT_SHA256 in signed_names else b""
    return canonical_request(
        method=request.method,
        target=target,
        headers=headers,
        signed_headers=signed_headers,
        payload_hash=_payload_hash(declared_hash, request.body, allow_unsigned_payload=allow_unsigned_payload),
        normalize_path=normalize_path,
    )


def _check_signed_headers(
    request: ReceivedRequest,
    headers: Collection[bytes],
    signed_names: Collection[bytes],
    required_headers: Collection[bytes],
) -> None:
    if b"host" not in signed_names:
        raise SignatureError(SignatureFailure.HOST_UNSIGNED)
    for name in signed_names:
        if name not in headers:
            raise SignatureError(SignatureFailure.SIGNED_HEADER_ABSENT)
    for name in required_headers:
        if name not in signed_names and any(name == present for present, _ in request.headers):
            raise SignatureError(SignatureFailure.HEADER_UNSIGNED, name.decode())


def _payload_hash(declared: bytes, body: bytes, *, allow_unsigned_payload: bool) -> bytes:
    if declared == UNSIGNED_PAYLOAD and allow_unsigned_payload:
        return UNSIGNED_PAYLOAD
    actual = hash_payload(body)
    if declared not in (b"", actual):
        raise SignatureError(SignatureFailure.PAYLOAD_MISMATCH)
    return actual


def _check_signature(authorization: Authorization, amz_date: bytes, canonical: bytes, signing_key: SigningKey) -> None:
    expected = signing_key.sign(string_to_sign(amz_date, authorization.scope, canonical))
    if not hmac.compare_digest(expected, authorization.signature):
        raise SignatureError(SignatureFailure.MISMATCH)
