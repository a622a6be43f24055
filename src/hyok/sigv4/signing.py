"""Signing: keys derived from a secret, and the headers or query parameters that carry a signature."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from hyok.secret import Secret
from hyok.sha256 import padded, sha256
from hyok.sigv4.canonical import (
    ALGORITHM,
    HOST_AND_DATE,
    TERMINATOR,
    canonical_plain_request,
    canonical_request,
    encode_parameter,
    fold_headers,
    hash_payload,
    is_plain,
    string_to_sign,
)
from hyok.sigv4.dates import format_amz_date

Headers = Sequence[tuple[bytes, bytes]]


def derive_signing_key(secret: bytes, date: bytes, region: bytes, service: bytes) -> bytes:
    """Derive the 32-byte key of one scope: a chain of HMACs over `date` (yyyymmdd), Region, service and terminator."""
    key = b"AWS4" + secret
    for part in (date, region, service, TERMINATOR):
        key = hmac.digest(key, part, "sha256")
    return key


class SigningKey:
    """The key of one scope, made ready to sign.

    Keeps the two hash states of HMAC (RFC 2104) with the key already in them: a signature then costs a third of
    `hmac.digest`, which looks its algorithm up in OpenSSL on every call.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        inner, outer = padded(key)
        self._inner = sha256(inner)
        self._outer = sha256(outer)

    def sign(self, text: bytes) -> bytes:
        """Return the signature of a string to sign: 64 lower-case hex digits."""
        inner = self._inner.copy()
        inner.update(text)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.hexdigest().encode()


class SigningKeys:
    """The signing keys of one secret, derived on first use and kept.

    Bounded, oldest first out: scopes come from callers who need not know the secret. Check Region and service before
    asking, so that they cannot push out the keys in use.
    """

    __slots__ = ("_capacity", "_keys", "_secret")

    def __init__(self, secret: Secret, *, capacity: int = 16) -> None:
        self._secret = secret
        self._capacity = capacity
        self._keys: dict[tuple[bytes, bytes, bytes], SigningKey] = {}

    def for_scope(self, date: bytes, region: bytes, service: bytes) -> SigningKey:
        """Return the key for a day (yyyymmdd), Region and service."""
        scope = (date, region, service)
        key = self._keys.get(scope)
        if key is None:
            key = SigningKey(derive_signing_key(self._secret.reveal(), date, region, service))
            if len(self._keys) >= self._capacity:
                del self._keys[next(iter(self._keys))]
            self._keys[scope] = key
        return key


class Signer:
    """Signs requests with one credential for one Region and service.

    `normalize_path=False` signs the path as it is, dot segments and double slashes included (S3 does).
    """

    __slots__ = ("_access_key_id", "_keys", "_normalize_path", "_region", "_service")

    def __init__(
        self, *, access_key_id: str, secret: Secret, region: str, service: str, normalize_path: bool = True
    ) -> None:
        self._access_key_id = access_key_id.encode()
        self._keys = SigningKeys(secret, capacity=2)
        self._region = region.encode()
        self._service = service.encode()
        self._normalize_path = normalize_path

    def sign(
        self, *, method: bytes, target: bytes, headers: Headers, body: bytes, now: float
    ) -> tuple[tuple[bytes, bytes], ...]:
        """Return the headers to add: `x-amz-date` and `authorization`.

        All headers given are signed, so `host` must be among them. An `x-amz-content-sha256` among them states the
        payload hash; else the body is hashed.
        """
        amz_date = format_amz_date(now)
        scope = self._scope(amz_date)
        if len(headers) == 1 and headers[0][0] == b"host" and is_plain(target):
            signed_headers = HOST_AND_DATE
            canonical = canonical_plain_request(method, target, headers[0][1], amz_date, body)
        else:
            folded = fold_headers((*headers, (b"x-amz-date", amz_date)))
            signed_headers = b";".join(sorted(folded))
            canonical = canonical_request(
                method=method,
                target=target,
                headers=folded,
                signed_headers=signed_headers,
                payload_hash=folded.get(b"x-amz-content-sha256") or hash_payload(body),
                normalize_path=self._normalize_path,
            )
        authorization = b"%b Credential=%b/%b, SignedHeaders=%b, Signature=%b" % (
            ALGORITHM,
            self._access_key_id,
            scope,
            signed_headers,
            self._signature(amz_date, scope, canonical),
        )
        return ((b"x-amz-date", amz_date), (b"authorization", authorization))

    def presign(
        self, *, method: bytes, target: bytes, headers: Headers, body: bytes, now: float, expires_seconds: int
    ) -> bytes:
        """Return the target with the signature in its query, valid for `expires_seconds` from `now`.

        A session token belongs into the query of `target` beforehand.
        """
        amz_date = format_amz_date(now)
        scope = self._scope(amz_date)
        folded = fold_headers(headers)
        signed_headers = b";".join(sorted(folded))
        terms = (
            (b"X-Amz-Algorithm", ALGORITHM),
            (b"X-Amz-Credential", b"%b/%b" % (self._access_key_id, scope)),
            (b"X-Amz-Date", amz_date),
            (b"X-Amz-Expires", b"%d" % expires_seconds),
            (b"X-Amz-SignedHeaders", signed_headers),
        )
        query = b"&".join(b"%b=%b" % (name, encode_parameter(value)) for name, value in terms)
        unsigned_target = b"%b%b%b" % (target, b"&" if b"?" in target else b"?", query)
        canonical = canonical_request(
            method=method,
            target=unsigned_target,
            headers=folded,
            signed_headers=signed_headers,
            payload_hash=folded.get(b"x-amz-content-sha256") or hash_payload(body),
            normalize_path=self._normalize_path,
        )
        return b"%b&X-Amz-Signature=%b" % (unsigned_target, self._signature(amz_date, scope, canonical))

    def _scope(self, amz_date: bytes) -> bytes:
        return b"/".join((amz_date[:8], self._region, self._service, TERMINATOR))

    def _signature(self, amz_date: bytes, scope: bytes, canonical: bytes) -> bytes:
        key = self._keys.for_scope(amz_date[:8], self._region, self._service)
        return key.sign(string_to_sign(amz_date, scope, canonical))


def sign(
    *,
    method: bytes,
    target: bytes,
    headers: Headers,
    body: bytes,
    access_key_id: str,
    secret: Secret,
    region: str,
    service: str,
    now: float,
) -> tuple[tuple[bytes, bytes], ...]:
    """Sign one request and return the headers to add; who signs many keeps a `Signer`."""
    signer = Signer(access_key_id=access_key_id, secret=secret, region=region, service=service)
    return signer.sign(method=method, target=target, headers=headers, body=body, now=now)
