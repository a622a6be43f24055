from __future__ import annotations

import pytest

from hyok.sigv4.authorization import parse_authorization, parse_presigned
from hyok.sigv4.errors import SignatureError, SignatureFailure

SIGNATURE = b"0123456789abcdef" * 4
CREDENTIAL = b"Credential=AKIAEXAMPLE/20150830/eu-central-1/kms-xks-proxy/aws4_request"
SIGNED_HEADERS = b"SignedHeaders=host;x-amz-date"
USUAL = b"AWS4-HMAC-SHA256 %b, %b, Signature=%b" % (CREDENTIAL, SIGNED_HEADERS, SIGNATURE)

PRESIGNED_TERMS = (
    b"X-Amz-Algorithm=AWS4-HMAC-SHA256",
    b"X-Amz-Credential=AKIAEXAMPLE%2F20150830%2Feu-central-1%2Fsts%2Faws4_request",
    b"X-Amz-Date=20150830T123600Z",
    b"X-Amz-Expires=60",
    b"X-Amz-SignedHeaders=host%3Bx-k8s-aws-id",
    b"X-Amz-Signature=" + SIGNATURE,
)


def test_an_authorization_is_read_into_its_terms() -> None:
    authorization = parse_authorization(USUAL)
    assert authorization.access_key_id == b"AKIAEXAMPLE"
    assert authorization.scope == b"20150830/eu-central-1/kms-xks-proxy/aws4_request"
    assert authorization.date == b"20150830"
    assert authorization.region == b"eu-central-1"
    assert authorization.service == b"kms-xks-proxy"
    assert authorization.signed_headers == b"host;x-amz-date"
    assert authorization.signature == SIGNATURE


@pytest.mark.parametrize(
    "value",
    [
        b"AWS4-HMAC-SHA256 %b,%b,Signature=%b" % (CREDENTIAL, SIGNED_HEADERS, SIGNATURE),
        b"AWS4-HMAC-SHA256   %b ,  %b , Signature=%b " % (CREDENTIAL, SIGNED_HEADERS, SIGNATURE),
        b"AWS4-HMAC-SHA256 Signature=%b, %b, %b" % (SIGNATURE, SIGNED_HEADERS, CREDENTIAL),
        b"AWS4-HMAC-SHA256 %b, Signature=%b,%b" % (SIGNED_HEADERS, SIGNATURE, CREDENTIAL),
    ],
    ids=["no spaces", "many spaces", "another order", "yet another order"],
)
def test_spaces_around_commas_and_the_order_of_the_terms_do_not_matter(value: bytes) -> None:
    assert parse_authorization(value) == parse_authorization(USUAL)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"Bearer abc",
        b"AWS4-HMAC-SHA256",
        USUAL.replace(b"AWS4-HMAC-SHA256", b"AWS4-HMAC-SHA512"),
        USUAL.replace(b"AWS4-HMAC-SHA256", b"AWS4-ECDSA-P256-SHA256"),
        USUAL.replace(b"AWS4-HMAC-SHA256 ", b"AWS4-HMAC-SHA256"),
        USUAL.replace(b", ", b" "),
        USUAL.replace(b"/aws4_request", b"/aws4"),
        USUAL.replace(b"/aws4_request", b""),
        USUAL.replace(b"/aws4_request", b"/aws4_request/x"),
        USUAL.replace(b"AKIAEXAMPLE", b""),
        USUAL.replace(b"AKIAEXAMPLE", b"AKIA,EXAMPLE"),
        USUAL.replace(b"eu-central-1", b""),
        USUAL.replace(b"Credential=", b"credential="),
        USUAL.replace(b"Signature=", b"signature="),
        USUAL.replace(b"Signature=", b"XSignature="),
        USUAL[:-1],
        USUAL + b"0",
        USUAL + b",",
        USUAL + b", " + SIGNED_HEADERS,
        USUAL.replace(SIGNED_HEADERS, CREDENTIAL),
        USUAL.replace(b"host;x-amz-date", b""),
        USUAL.replace(b"host;x-amz-date", b"x-amz-date;host"),
        USUAL.replace(b"host;x-amz-date", b"host;host"),
        USUAL.replace(b"host;x-amz-date", b"host;;x-amz-date"),
        USUAL.replace(b"host;x-amz-date", b"Host;x-amz-date"),
    ],
)
def test_anything_else_is_malformed(value: bytes) -> None:
    with pytest.raises(SignatureError) as raised:
        parse_authorization(value)
    assert raised.value.reason is SignatureFailure.MALFORMED


def test_neither_the_repr_nor_a_refusal_shows_a_signature() -> None:
    assert SIGNATURE.decode() not in repr(parse_authorization(USUAL))
    with pytest.raises(SignatureError) as raised:
        parse_authorization(USUAL + b"0")
    assert SIGNATURE.decode() not in str(raised.value)


def test_a_presigned_target_is_read_into_its_terms() -> None:
    presigned = parse_presigned(b"/path?Action=GetCallerIdentity&" + b"&".join(PRESIGNED_TERMS))
    assert presigned.authorization.access_key_id == b"AKIAEXAMPLE"
    assert presigned.authorization.service == b"sts"
    assert presigned.authorization.signed_headers == b"host;x-k8s-aws-id"
    assert presigned.authorization.signature == SIGNATURE
    assert presigned.amz_date == b"20150830T123600Z"
    assert presigned.expires_seconds == 60
    assert presigned.signed_target == b"/path?Action=GetCallerIdentity&" + b"&".join(PRESIGNED_TERMS[:-1])


@pytest.mark.parametrize("missing", range(6))
def test_a_presigned_target_without_one_of_its_terms_is_malformed(missing: int) -> None:
    terms = [term for number, term in enumerate(PRESIGNED_TERMS) if number != missing]
    assert refusal_of(terms) is SignatureFailure.MALFORMED


@pytest.mark.parametrize("repeated", range(6))
def test_a_presigned_target_with_a_term_twice_is_malformed(repeated: int) -> None:
    assert refusal_of([*PRESIGNED_TERMS, PRESIGNED_TERMS[repeated]]) is SignatureFailure.MALFORMED


@pytest.mark.parametrize("seconds", [b"0", b"604801", b"-1", b"", b"9" * 5000, b"1.5", b"\xb2"])
def test_a_presigned_target_lives_between_a_second_and_a_week(seconds: bytes) -> None:
    terms = [*PRESIGNED_TERMS[:3], b"X-Amz-Expires=" + seconds, *PRESIGNED_TERMS[4:]]
    assert refusal_of(terms) is SignatureFailure.MALFORMED


@pytest.mark.parametrize(
    ("number", "term"),
    [(0, b"X-Amz-Algorithm=AWS4-HMAC-SHA1"), (1, b"X-Amz-Credential=a"), (5, b"X-Amz-Signature=00")],
)
def test_a_presigned_target_with_a_bad_term_is_malformed(number: int, term: bytes) -> None:
    terms = [*PRESIGNED_TERMS[:number], term, *PRESIGNED_TERMS[number + 1 :]]
    assert refusal_of(terms) is SignatureFailure.MALFORMED


def refusal_of(terms: list[bytes]) -> SignatureFailure:
    with pytest.raises(SignatureError) as raised:
        parse_presigned(b"/?" + b"&".join(terms))
    return raised.value.reason
