"""The terms of a signature as a request states them: in the Authorization header, or in the query of a presigned URL.

Parsing is strict and trusts nothing: three named terms once each, in any order, a credential scope of five parts, a
signature of 64 characters, signed headers sorted and unique.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from hyok.sigv4.canonical import ALGORITHM, TERMINATOR
from hyok.sigv4.errors import SignatureError, SignatureFailure

MAX_EXPIRES_SECONDS: Final = 604_800
"""A presigned URL lives for seven days at most."""

_PREFIX: Final = ALGORITHM + b" "
_SIGNATURE_CHARACTERS: Final = 64
_PRESIGNED_TERMS: Final = (
    b"X-Amz-Algorithm",
    b"X-Amz-Credential",
    b"X-Amz-Date",
    b"X-Amz-Expires",
    b"X-Amz-SignedHeaders",
    b"X-Amz-Signature",
)

_Terms = tuple[bytes, bytes, bytes, bytes, bytes, bytes]
"""The fields of `Authorization` up to the signature."""


class Authorization(Struct, frozen=True, gc=False):
    """Who claims to have signed, for what scope, and which headers."""

    access_key_id: bytes
    scope: bytes
    """`date/region/service/aws4_request`."""
    date: bytes
    """The day of the signing key, yyyymmdd; `verify` holds it against x-amz-date."""
    region: bytes
    service: bytes
    signed_headers: bytes
    """Lower-case names, sorted, with `;` between them."""
    signature: bytes

    def __repr__(self) -> str:
        return f"Authorization({self.access_key_id!r}, {self.scope!r}, {self.signed_headers!r})"


class Presigned(Struct, frozen=True, gc=False):
    """The terms of a presigned URL."""

    authorization: Authorization
    amz_date: bytes
    expires_seconds: int
    signed_target: bytes
    """The target as it was signed: without the signature."""


def parse_authorization(value: bytes) -> Authorization:
    """Read an Authorization header. SignatureError MALFORMED if it is not SigV4 to the letter."""
    # The signature is cut out first: what is left is the same for all requests of a signer and a day.
    before, found, rest = value.rpartition(b"Signature=")
    signature, behind = rest[:_SIGNATURE_CHARACTERS], rest[_SIGNATURE_CHARACTERS:]
    if not found or len(signature) != _SIGNATURE_CHARACTERS:
        raise _malformed(f"expected a Signature of {_SIGNATURE_CHARACTERS} characters")
    return Authorization(*_read_header(before + behind), signature)


def parse_presigned(target: bytes) -> Presigned:
    """Read the signature in the query of a target. SignatureError MALFORMED if it is not SigV4 to the letter."""
    path, _, query = target.partition(b"?")
    terms: dict[bytes, bytes] = {}
    unsigned: list[bytes] = []
    for parameter in query.split(b"&"):
        name, _, value = parameter.partition(b"=")
        if name in terms:
            raise _malformed(f"{name.decode('ascii', 'replace')} is there twice")
        if name in _PRESIGNED_TERMS:
            terms[name] = unquote_to_bytes(value)
        if name != b"X-Amz-Signature":
            unsigned.append(parameter)
    if len(terms) != len(_PRESIGNED_TERMS) or terms[b"X-Amz-Algorithm"] != ALGORITHM:
        raise _malformed(
            "expected X-Amz-Algorithm, Credential, Date, Expires, SignedHeaders and Signature in the query"
        )
    signature = terms[b"X-Amz-Signature"]
    if len(signature) != _SIGNATURE_CHARACTERS:
        raise _malformed(f"expected an X-Amz-Signature of {_SIGNATURE_CHARACTERS} characters")
    fields = _read_terms(credential=terms[b"X-Amz-Credential"], signed_headers=terms[b"X-Amz-SignedHeaders"])
    return Presigned(
        authorization=Authorization(*fields, signature),
        amz_date=terms[b"X-Amz-Date"],
        expires_seconds=_read_expiry(terms[b"X-Amz-Expires"]),
        signed_target=b"%b?%b" % (path, b"&".join(unsigned)),
    )


@lru_cache(maxsize=64)
def _read_header(unsigned: bytes) -> _Terms:
    if not unsigned.startswith(_PREFIX):
        raise _malformed("expected AWS4-HMAC-SHA256")
    # Sorted, the terms have one order only: nothing (where the signature was), Credential, SignedHeaders.
    terms = sorted(map(bytes.strip, unsigned[len(_PREFIX) :].split(b",")))
    if (
        len(terms) != 3
        or terms[0]
        or not terms[1].startswith(b"Credential=")
        or not terms[2].startswith(b"SignedHeaders=")
    ):
        raise _malformed("expected Credential, SignedHeaders and Signature, once each, with commas between them")
    return _read_terms(credential=terms[1][11:], signed_headers=terms[2][14:])


def _read_terms(*, credential: bytes, signed_headers: bytes) -> _Terms:
    parts = credential.split(b"/")
    if len(parts) != 5 or parts[4] != TERMINATOR or b"" in parts:
        raise _malformed("expected a Credential of access-key-id/date/region/service/aws4_request")
    _check_signed_headers(signed_headers)
    access_key_id, date, region, service, _ = parts
    return access_key_id, credential[len(access_key_id) + 1 :], date, region, service, signed_headers


def _check_signed_headers(signed_headers: bytes) -> None:
    names = signed_headers.split(b";")
    if names != sorted(set(names)) or b"" in names or signed_headers != signed_headers.lower():
        raise _malformed("expected SignedHeaders in lower case, sorted, each once")


def _read_expiry(value: bytes) -> int:
    # At most six digits before `int` sees them: it would read a number of any length.
    seconds = int(value) if value.isdigit() and len(value) <= 6 else 0
    if not 1 <= seconds <= MAX_EXPIRES_SECONDS:
        raise _malformed(f"expected X-Amz-Expires between 1 and {MAX_EXPIRES_SECONDS} seconds")
    return seconds


def _malformed(detail: str) -> SignatureError:
    return SignatureError(SignatureFailure.MALFORMED, detail)
