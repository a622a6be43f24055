"""SigV4: what is signed verifies, what is changed does not, and no input breaks a parser."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyok.secret import Secret
from hyok.sigv4.authorization import parse_authorization, parse_presigned
from hyok.sigv4.canonical import (
    HOST_AND_DATE,
    canonical_path,
    canonical_plain_request,
    canonical_query,
    canonical_request,
    fold_headers,
    hash_payload,
    is_plain,
)
from hyok.sigv4.dates import format_amz_date, parse_amz_date
from hyok.sigv4.errors import SignatureError, SignatureFailure
from hyok.sigv4.signing import Signer, SigningKey, SigningKeys
from hyok.sigv4.verification import verify, verify_presigned
from tests.unit.sigv4.requests import NOW, Received

SECRET = Secret(b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
SIGNER = Signer(access_key_id="AKIAEXAMPLE", secret=SECRET, region="eu-central-1", service="kms")
KEYS = SigningKeys(SECRET)

quickly = settings(max_examples=150, derandomize=True, deadline=None)

token_characters = "abcdefghijklmnopqrstuvwxyz0123456789-"
names = st.text(token_characters, min_size=1, max_size=8).map(str.encode).filter(lambda name: name != b"host")
values = st.binary(max_size=20)
targets = st.binary(max_size=40).map(lambda rest: b"/" + rest.replace(b"X-Amz-", b""))
plain_targets = st.text("abcXYZ019-._~/", max_size=30).map(lambda rest: f"/{rest}".encode()).filter(is_plain)
requests = st.builds(
    lambda method, target, headers, body: Received(
        method, target, b"h.example.com", b"", ((b"host", b"h.example.com"), *headers), body
    ),
    st.sampled_from([b"GET", b"POST"]),
    targets | plain_targets,
    st.lists(st.tuples(names, values).filter(lambda header: not header[0].startswith(b"x-amz-")), max_size=4),
    st.binary(max_size=60),
)


def signed(request: Received) -> Received:
    added = SIGNER.sign(
        method=request.method, target=request.target, headers=request.headers, body=request.body, now=NOW
    )
    return request.with_headers(*added)


def check(request: Received) -> None:
    terms = parse_authorization(dict(request.headers)[b"authorization"])
    key = KEYS.for_scope(terms.date, terms.region, terms.service)
    verify(request, terms, signing_key=key, service=b"kms", now=NOW)


@quickly
@given(requests)
def test_what_is_signed_verifies(request: Received) -> None:
    check(signed(request))


@quickly
@given(requests)
def test_what_is_presigned_verifies(request: Received) -> None:
    request.target = SIGNER.presign(
        method=request.method,
        target=request.target,
        headers=request.headers,
        body=request.body,
        now=NOW,
        expires_seconds=60,
    )
    presigned = parse_presigned(request.target)
    terms = presigned.authorization
    key = KEYS.for_scope(terms.date, terms.region, terms.service)
    verify_presigned(request, presigned, signing_key=key, service=b"kms", now=NOW)


@quickly
@given(requests, st.binary(min_size=1, max_size=60))
def test_another_body_never_verifies(request: Received, body: bytes) -> None:
    received = signed(request)
    received.body = received.body + body
    with pytest.raises(SignatureError) as raised:
        check(received)
    assert raised.value.reason is SignatureFailure.MISMATCH


@quickly
@given(requests, st.integers(0, 63), st.sampled_from(b"0123456789abcdef"))
def test_another_signature_never_verifies(request: Received, position: int, digit: int) -> None:
    received = signed(request)
    authorization = bytearray(dict(received.headers)[b"authorization"])
    if authorization[len(authorization) - 64 + position] == digit:
        return
    authorization[len(authorization) - 64 + position] = digit
    with pytest.raises(SignatureError) as raised:
        check(received.with_headers((b"authorization", bytes(authorization))))
    assert raised.value.reason is SignatureFailure.MISMATCH


@quickly
@given(plain_targets, st.text("abc.:0", min_size=1, max_size=20), st.binary(max_size=40))
def test_the_short_way_and_the_long_way_build_the_same_canonical_request(target: bytes, host: str, body: bytes) -> None:
    short = canonical_plain_request(b"POST", target, host.encode(), b"20150830T123600Z", body)
    headers = fold_headers([(b"X-Amz-Date", b"20150830T123600Z"), (b"Host", host.encode())])
    long = canonical_request(
        method=b"POST",
        target=target,
        headers=headers,
        signed_headers=HOST_AND_DATE,
        payload_hash=hash_payload(body),
    )
    assert short == long


@quickly
@given(st.binary(max_size=60))
def test_a_canonical_path_is_absolute_and_has_no_segment_left_to_normalise(path: bytes) -> None:
    canonical = canonical_path(path)
    assert canonical.startswith(b"/")
    assert not {b".", b".."} & set(canonical.split(b"/"))
    assert b"//" not in canonical


@quickly
@given(st.binary(max_size=60))
def test_a_canonical_query_is_its_own_canonical_form(query: bytes) -> None:
    canonical = canonical_query(query)
    assert canonical_query(canonical) == canonical


@quickly
@given(st.integers(0, 4_000_000_000))
def test_a_written_date_reads_back(second: int) -> None:
    assert parse_amz_date(format_amz_date(second)) == second


@quickly
@given(st.binary(min_size=1, max_size=64), st.binary(max_size=200))
def test_a_signing_key_is_hmac_sha256(key: bytes, text: bytes) -> None:
    assert SigningKey(key).sign(text) == hmac.new(key, text, hashlib.sha256).hexdigest().encode()


@quickly
@given(st.binary(max_size=200), st.sampled_from([b"", b"AWS4-HMAC-SHA256 ", b"/?"]))
def test_no_bytes_break_a_parser(rest: bytes, start: bytes) -> None:
    for parse in (parse_authorization, parse_presigned):
        with pytest.raises(SignatureError) as raised:
            parse(start + rest)
        assert raised.value.reason is SignatureFailure.MALFORMED
