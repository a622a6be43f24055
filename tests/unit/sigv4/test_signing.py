from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import parse_qs

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from hyok.secret import Secret
from hyok.sigv4.signing import Signer, SigningKey, SigningKeys, derive_signing_key, sign
from tests.unit.sigv4.requests import NOW, Vector, each_vector

SECRET = Secret(b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")


@each_vector
def test_the_signature_in_the_headers_is_awss(vector: Vector) -> None:
    request = vector.header_form
    added = vector.signer.sign(
        method=request.method, target=request.target, headers=request.headers, body=request.body, now=vector.now
    )
    assert added[0] == (b"x-amz-date", b"20150830T123600Z")
    assert added[1][0] == b"authorization"
    assert added[1][1].decode().endswith("Signature=" + vector.case["header_signature"])


@each_vector
def test_the_signature_in_the_query_is_awss(vector: Vector) -> None:
    request = vector.query_form
    target = vector.signer.presign(
        method=request.method,
        target=request.target,
        headers=request.headers,
        body=request.body,
        now=vector.now,
        expires_seconds=vector.context["expiration_in_seconds"],
    )
    assert parse_qs(target.decode().partition("?")[2])["X-Amz-Signature"] == [vector.case["query_signature"]]


def test_an_authorization_names_credential_scope_and_signed_headers() -> None:
    (_, date), (_, authorization) = sign(
        method=b"POST",
        target=b"/kms/xks/v1/health",
        headers=((b"host", b"xks.example.com"),),
        body=b"{}",
        access_key_id="AKIAEXAMPLE",
        secret=SECRET,
        region="eu-central-1",
        service="kms-xks-proxy",
        now=NOW + 0.9,
    )
    assert date == b"20150830T123600Z"
    assert authorization.startswith(
        b"AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20150830/eu-central-1/kms-xks-proxy/aws4_request, "
        b"SignedHeaders=host;x-amz-date, Signature="
    )


@pytest.mark.parametrize(
    "headers",
    [
        ((b"host", b"kms.example.com"),),
        ((b"content-type", b"application/x-amz-json-1.1"), (b"host", b"kms.example.com"), (b"x-amz-target", b"T.O")),
    ],
    ids=["host alone", "more headers"],
)
def test_botocore_signs_the_same_request_alike(
    headers: tuple[tuple[bytes, bytes], ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: datetime.fromtimestamp(NOW, UTC))
    request = AWSRequest(
        method="POST",
        url="https://kms.example.com/tenant/kms/xks/v1/keys/a/encrypt",
        headers={name.decode(): value.decode() for name, value in headers},
        data=b'{"a": 1}',
    )
    SigV4Auth(Credentials("AKIAEXAMPLE", SECRET.reveal().decode()), "kms", "eu-central-1").add_auth(request)
    ours = sign(
        method=b"POST",
        target=b"/tenant/kms/xks/v1/keys/a/encrypt",
        headers=headers,
        body=b'{"a": 1}',
        access_key_id="AKIAEXAMPLE",
        secret=SECRET,
        region="eu-central-1",
        service="kms",
        now=NOW,
    )
    assert request.headers["Authorization"].encode() == ours[1][1]


def test_a_stated_payload_hash_is_signed_as_it_is() -> None:
    signer = Signer(access_key_id="A", secret=SECRET, region="r", service="s")

    def signature(body: bytes) -> bytes:
        headers = ((b"host", b"h"), (b"x-amz-content-sha256", b"UNSIGNED-PAYLOAD"))
        return signer.sign(method=b"PUT", target=b"/", headers=headers, body=body, now=NOW)[1][1]

    assert signature(b"one") == signature(b"another")


def test_a_signing_key_computes_hmac() -> None:
    key = bytes(range(32))
    expected = hmac.digest(key, b"text", hashlib.sha256).hex().encode()
    assert SigningKey(key).sign(b"text") == expected
    assert SigningKey(key).sign(b"text") == expected


def test_a_signing_key_longer_than_a_hash_block_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 64 bytes"):
        SigningKey(bytes(65))


def test_the_key_of_a_scope_is_derived_once() -> None:
    keys = SigningKeys(SECRET)
    key = keys.for_scope(b"20150830", b"us-east-1", b"service")
    assert keys.for_scope(b"20150830", b"us-east-1", b"service") is key
    expected = SigningKey(derive_signing_key(SECRET.reveal(), b"20150830", b"us-east-1", b"service"))
    assert key.sign(b"x") == expected.sign(b"x")


@pytest.mark.parametrize("scope", [(b"20150831", b"r", b"s"), (b"20150830", b"q", b"s"), (b"20150830", b"r", b"t")])
def test_each_scope_has_a_key_of_its_own(scope: tuple[bytes, bytes, bytes]) -> None:
    keys = SigningKeys(SECRET)
    assert keys.for_scope(*scope).sign(b"x") != keys.for_scope(b"20150830", b"r", b"s").sign(b"x")


def test_the_oldest_keys_make_room_for_new_scopes() -> None:
    keys = SigningKeys(SECRET, capacity=2)
    first = keys.for_scope(b"20150830", b"r", b"s")
    second = keys.for_scope(b"20150831", b"r", b"s")
    keys.for_scope(b"20150901", b"r", b"s")
    assert keys.for_scope(b"20150831", b"r", b"s") is second
    assert keys.for_scope(b"20150830", b"r", b"s") is not first


def test_no_object_shows_its_secret() -> None:
    shown = repr(SigningKeys(SECRET)) + repr(Signer(access_key_id="A", secret=SECRET, region="r", service="s"))
    assert "wJalr" not in shown
