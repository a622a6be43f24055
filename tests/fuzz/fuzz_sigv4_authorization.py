"""Invariant: an Authorization header or a presigned target is either read, with all parts there, or MALFORMED."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hyok.sigv4.authorization import Authorization, parse_authorization, parse_presigned
from hyok.sigv4.errors import SignatureError, SignatureFailure

SEEDS = (
    b"AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20150830/eu-central-1/kms-xks-proxy/aws4_request, "
    b"SignedHeaders=host;x-amz-date, Signature=" + b"0123456789abcdef" * 4,
    b"AWS4-HMAC-SHA256 Signature="
    + b"0123456789abcdef" * 4
    + b",SignedHeaders=content-type;host;x-amz-date;x-amz-target,Credential=123456789012/20150830/r/kms/aws4_request",
    b"/?Action=GetCallerIdentity&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAEXAMPLE%2F20150830%2Fr%2Fsts%2F"
    b"aws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature="
    + b"0123456789abcdef"
    * 4,
)


def fuzz_one(data: bytes) -> None:
    """Parse the data both ways."""
    with only_malformed():
        check_terms(parse_authorization(data))
    with only_malformed():
        presigned = parse_presigned(data)
        check_terms(presigned.authorization)
        assert b"X-Amz-Signature" not in [term.partition(b"=")[0] for term in presigned.signed_target.split(b"&")]
        assert 1 <= presigned.expires_seconds <= 604_800


@contextmanager
def only_malformed() -> Iterator[None]:
    """Let the one refusal pass that a parser may raise."""
    try:
        yield
    except SignatureError as error:
        if error.reason is not SignatureFailure.MALFORMED:
            raise


def check_terms(terms: Authorization) -> None:
    """Hold the parts against the whole."""
    assert terms.access_key_id
    assert terms.scope == b"/".join((terms.date, terms.region, terms.service, b"aws4_request"))
    assert len(terms.signature) == 64
    names = terms.signed_headers.split(b";")
    assert names == sorted(set(names))
    assert all(names)
