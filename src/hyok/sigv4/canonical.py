"""The canonical form of a request, which signer and verifier must build alike (AWS SigV4, canonical request).

Everything is bytes as sent or received. The path is encoded once more than on the wire (`%20` becomes `%2520`), as all
services but S3 do; query parameters are decoded first, so that they are encoded exactly once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import quote_from_bytes, unquote_to_bytes

from hyok.sha256 import sha256

ALGORITHM: Final = b"AWS4-HMAC-SHA256"
TERMINATOR: Final = b"aws4_request"
"""The last part of every credential scope."""
HOST_AND_DATE: Final = b"host;x-amz-date"
"""The signed headers of every request that AWS KMS sends to an XKS proxy."""

_UNRESERVED: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_PLAINNESS: Final = bytes(
    0 if byte not in _UNRESERVED + b"/" else ord("/") if byte == ord(".") else byte for byte in range(256)
)
"""Maps what needs encoding to NUL, and a dot to a slash, so that two of either, one after the other, look alike."""


def canonical_request(
    *,
    method: bytes,
    target: bytes,
    headers: Mapping[bytes, bytes],
    signed_headers: bytes,
    payload_hash: bytes,
    normalize_path: bool = True,
) -> bytes:
    """Build the canonical request.

    `headers` come from `fold_headers`; `signed_headers` is the sorted list of names with `;` between them, and each of
    them must be in `headers`. `payload_hash` is the lower-case hex SHA-256 of the body, or `UNSIGNED-PAYLOAD`.
    """
    path, _, query = target.partition(b"?")
    return b"%b\n%b\n%b\n%b\n%b\n%b" % (
        method,
        canonical_path(path, normalize=normalize_path),
        canonical_query(query),
        b"".join([b"%b:%b\n" % (name, headers[name]) for name in signed_headers.split(b";")]),
        signed_headers,
        payload_hash,
    )


def canonical_plain_request(method: bytes, target: bytes, host: bytes, amz_date: bytes, body: bytes) -> bytes:
    """Build the canonical request of the commonest kind in one step: HOST_AND_DATE signed, and `is_plain(target)`."""
    return b"%b\n%b\n\nhost:%b\nx-amz-date:%b\n\nhost;x-amz-date\n%b" % (
        method,
        target,
        host,
        amz_date,
        sha256(body).hexdigest().encode(),
    )


@lru_cache(maxsize=1024)
def is_plain(target: bytes) -> bool:
    """Tell whether a target surely is its own canonical form: no query, nothing to encode, nothing to normalise.

    False for a few that are all the same (`/a./b`): they take the long way.
    """
    shape = target.translate(_PLAINNESS)
    return b"\0" not in shape and b"//" not in shape and shape[:1] == b"/"


def string_to_sign(amz_date: bytes, scope: bytes, canonical: bytes) -> bytes:
    """Build the string to sign from the canonical request; `scope` is `date/region/service/aws4_request`."""
    return b"AWS4-HMAC-SHA256\n%b\n%b\n%b" % (
        amz_date,
        scope,
        sha256(canonical).hexdigest().encode(),
    )


def hash_payload(body: bytes) -> bytes:
    """Return the SHA-256 of bytes in lower-case hex."""
    return sha256(body).hexdigest().encode()


def fold_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return header values by lower-case name in canonical form.

    White space is trimmed at the ends and single within, line folds included; the values of a repeated header are
    joined with commas in order of arrival.
    """
    folded: dict[bytes, bytes] = {}
    for name, value in headers:
        key = name.lower()
        trimmed = b" ".join(value.split())
        folded[key] = b"%b,%b" % (folded[key], trimmed) if key in folded else trimmed
    return folded


def canonical_path(path: bytes, *, normalize: bool = True) -> bytes:
    """Encode each byte of a path but `/` and the unreserved ones, after removing `.`, `..` and empty segments."""
    if path == b"/":  # where all of AWS KMS's API is
        return path
    return quote_from_bytes(_normalize(path) if normalize else path or b"/", safe="/").encode()


def canonical_query(query: bytes) -> bytes:
    """Sort the parameters of a query by encoded name, then value; a parameter without `=` has an empty value."""
    if not query:
        return query
    pairs = sorted(_encode_parameter(parameter) for parameter in query.split(b"&") if parameter)
    return b"&".join(b"%b=%b" % pair for pair in pairs)


def encode_parameter(text: bytes) -> bytes:
    """Percent-encode the name or value of a query parameter: every byte that is not unreserved."""
    return quote_from_bytes(text, safe="").encode()


def _normalize(path: bytes) -> bytes:
    segments: list[bytes] = []
    for segment in path.split(b"/"):
        if segment == b"..":
            del segments[-1:]
        elif segment not in (b"", b"."):
            segments.append(segment)
    ending = b"/" if segments and path.endswith(b"/") else b""
    return b"/" + b"/".join(segments) + ending


def _encode_parameter(parameter: bytes) -> tuple[bytes, bytes]:
    name, _, value = parameter.partition(b"=")
    return encode_parameter(unquote_to_bytes(name)), encode_parameter(unquote_to_bytes(value))
