from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from hyok.secret import Secret
from hyok.sigv4.authorization import parse_authorization, parse_presigned
from hyok.sigv4.dates import parse_amz_date
from hyok.sigv4.errors import SignatureError, SignatureFailure
from hyok.sigv4.signing import Signer, SigningKeys
from hyok.sigv4.verification import verify, verify_presigned
from tests.unit.sigv4.requests import NOW, Received, Vector, each_vector

SECRET = Secret(b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
SERVICE = b"kms-xks-proxy"
SIGNER = Signer(access_key_id="AKIAEXAMPLE", secret=SECRET, region="eu-central-1", service="kms-xks-proxy")
PLAIN = Received(headers=((b"host", b"xks.example.com"),))
LISTED = Received(
    headers=(
        (b"content-type", b"application/x-amz-json-1.1"),
        (b"host", b"xks.example.com"),
        (b"x-amz-target", b"TrentService.Encrypt"),
    )
)

either = pytest.mark.parametrize("unsigned", [PLAIN, LISTED], ids=["host and date", "more headers"])


def signed(request: Received, *, signer: Signer = SIGNER, now: float = NOW) -> Received:
    added = signer.sign(
        method=request.method, target=request.target, headers=request.headers, body=request.body, now=now
    )
    return request.with_headers(*added)


def check(
    request: Received,
    *,
    secret: Secret = SECRET,
    service: bytes = SERVICE,
    now: float = NOW,
    required_headers: Collection[bytes] = (),
    allow_unsigned_payload: bool = False,
) -> None:
    authorization = parse_authorization(dict(request.headers)[b"authorization"])
    key = SigningKeys(secret).for_scope(authorization.date, authorization.region, authorization.service)
    verify(
        request,
        authorization,
        signing_key=key,
        service=service,
        now=now,
        required_headers=required_headers,
        allow_unsigned_payload=allow_unsigned_payload,
    )


def refusal_of(request: Received, **options: object) -> SignatureFailure:
    with pytest.raises(SignatureError) as raised:
        check(request, **options)  # type: ignore[arg-type]  # the options are those of `check`, typed there
    return raised.value.reason


@each_vector
def test_awss_signatures_in_headers_are_accepted(vector: Vector) -> None:
    unsigned = vector.header_form
    added = vector.signer.sign(
        method=unsigned.method, target=unsigned.target, headers=unsigned.headers, body=unsigned.body, now=vector.now
    )
    request = unsigned.with_headers(*added)
    # The suite's own signature, not ours, goes into the header.
    ours = parse_authorization(added[1][1])
    authorization = parse_authorization(added[1][1].replace(ours.signature, vector.case["header_signature"].encode()))
    key = SigningKeys(vector.secret).for_scope(authorization.date, authorization.region, authorization.service)
    verify(
        request,
        authorization,
        signing_key=key,
        service=vector.service,
        now=vector.now,
        normalize_path=vector.normalize_path,
    )


@each_vector
def test_awss_signatures_in_queries_are_accepted(vector: Vector) -> None:
    request = vector.query_form
    target = vector.signer.presign(
        method=request.method,
        target=request.target,
        headers=request.headers,
        body=request.body,
        now=vector.now,
        expires_seconds=3600,
    )
    unsigned_target = target.partition(b"&X-Amz-Signature=")[0]
    request.target = unsigned_target + b"&X-Amz-Signature=" + vector.case["query_signature"].encode()
    presigned = parse_presigned(request.target)
    terms = presigned.authorization
    verify_presigned(
        request,
        presigned,
        signing_key=SigningKeys(vector.secret).for_scope(terms.date, terms.region, terms.service),
        service=vector.service,
        now=vector.now,
        normalize_path=vector.normalize_path,
    )


@either
def test_a_signed_request_is_accepted(unsigned: Received) -> None:
    check(signed(unsigned))


@either
@pytest.mark.parametrize(
    "change",
    [{"method": b"PUT"}, {"target": b"/other"}, {"host": b"xks.example.org"}, {"body": b"{ }"}],
    ids=["method", "target", "host", "body"],
)
def test_a_request_changed_after_signing_is_refused(unsigned: Received, change: dict[str, bytes]) -> None:
    assert refusal_of(replace(signed(unsigned), **change)) is SignatureFailure.MISMATCH  # type: ignore[arg-type]  # field names and types are Received's


@either
def test_a_signature_by_another_secret_is_refused(unsigned: Received) -> None:
    assert refusal_of(signed(unsigned), secret=Secret(b"another")) is SignatureFailure.MISMATCH


@either
def test_every_digit_of_the_signature_counts(unsigned: Received) -> None:
    request = signed(unsigned)
    good = dict(request.headers)[b"authorization"]
    for position in range(len(good) - 64, len(good)):
        digit = b"1" if good[position : position + 1] == b"0" else b"0"
        bad = good[:position] + digit + good[position + 1 :]
        assert refusal_of(request.with_headers((b"authorization", bad))) is SignatureFailure.MISMATCH


@either
@pytest.mark.parametrize("offset", [-300.0, 0.0, 300.0])
def test_a_signature_up_to_five_minutes_old_or_early_is_accepted(unsigned: Received, offset: float) -> None:
    check(signed(unsigned), now=NOW + offset)


@either
def test_a_signature_older_than_five_minutes_is_refused(unsigned: Received) -> None:
    assert refusal_of(signed(unsigned), now=NOW + 300.1) is SignatureFailure.STALE


@either
def test_a_signature_more_than_five_minutes_early_is_refused(unsigned: Received) -> None:
    assert refusal_of(signed(unsigned), now=NOW - 300.1) is SignatureFailure.EARLY


@either
def test_a_scope_of_another_day_than_the_date_is_refused(unsigned: Received) -> None:
    midnight = parse_amz_date(b"20150831T000000Z")
    request = signed(unsigned, now=midnight - 1)
    postdated = replace(request, amz_date=b"20150831T000000Z")
    assert refusal_of(postdated, now=midnight) is SignatureFailure.SCOPE_DATE_MISMATCH


@either
def test_a_date_other_than_the_signed_one_is_refused(unsigned: Received) -> None:
    request = replace(signed(unsigned), amz_date=b"20150830T123601Z")
    assert refusal_of(request) is SignatureFailure.MISMATCH


@either
@pytest.mark.parametrize("amz_date", [b"", b"20150830", b"20150830T12360ZZ"])
def test_a_missing_or_malformed_date_is_refused(unsigned: Received, amz_date: bytes) -> None:
    request = replace(signed(unsigned), amz_date=amz_date)
    assert refusal_of(request) is SignatureFailure.DATE_MALFORMED


@either
def test_a_scope_of_another_service_is_refused(unsigned: Received) -> None:
    assert refusal_of(signed(unsigned), service=b"kms") is SignatureFailure.WRONG_SERVICE


@pytest.mark.parametrize("host", [b"xks.example.com", b"xks.example.com:443", b"xks.example.com:8443"])
def test_the_host_is_verified_as_it_was_written(host: bytes) -> None:
    request = signed(Received(host=host, headers=((b"host", host),)))
    check(request)
    assert refusal_of(replace(request, host=b"xks.example.com:1")) is SignatureFailure.MISMATCH


def test_a_host_known_only_by_its_http2_name_is_verified() -> None:
    request = signed(LISTED)
    without_host = tuple(header for header in request.headers if header[0] != b"host")
    check(replace(request, headers=without_host))


def test_a_signature_without_the_host_is_refused() -> None:
    request = signed(Received(headers=((b"content-type", b"application/json"),)))
    assert refusal_of(request) is SignatureFailure.HOST_UNSIGNED


def test_a_signed_header_that_is_absent_is_refused() -> None:
    request = signed(LISTED)
    headers = tuple(header for header in request.headers if header[0] != b"x-amz-target")
    assert refusal_of(replace(request, headers=headers)) is SignatureFailure.SIGNED_HEADER_ABSENT


def test_a_required_header_that_is_present_must_be_signed() -> None:
    request = signed(PLAIN).with_headers((b"x-amz-target", b"TrentService.Decrypt"))
    check(request)
    assert refusal_of(request, required_headers=(b"x-amz-target",)) is SignatureFailure.HEADER_UNSIGNED
    check(signed(LISTED), required_headers=(b"x-amz-target",))
    check(signed(PLAIN), required_headers=(b"x-amz-target",))


def test_a_signed_header_with_another_value_is_refused() -> None:
    request = signed(LISTED)
    headers = tuple((name, b"x" if name == b"x-amz-target" else value) for name, value in request.headers)
    assert refusal_of(replace(request, headers=headers)) is SignatureFailure.MISMATCH


def test_repeated_folded_and_unsorted_headers_are_verified() -> None:
    headers = ((b"x-b", b"2"), (b"x-a", b"line\r\n   fold"), (b"x-b", b"1"), (b"host", b"xks.example.com"))
    request = signed(Received(headers=headers))
    check(request)
    swapped = (request.headers[2], request.headers[1], request.headers[0], *request.headers[3:])
    assert refusal_of(replace(request, headers=swapped)) is SignatureFailure.MISMATCH


def test_headers_that_are_not_signed_may_be_anything() -> None:
    check(signed(LISTED).with_headers((b"user-agent", b"\xff"), (b"x-forwarded-for", b"192.0.2.1")))


def test_a_stated_payload_hash_must_be_the_bodys() -> None:
    request = replace(LISTED, headers=(*LISTED.headers, (b"x-amz-content-sha256", b"0" * 64)))
    assert refusal_of(signed(request)) is SignatureFailure.PAYLOAD_MISMATCH


def test_an_unsigned_payload_is_accepted_only_where_allowed() -> None:
    request = signed(replace(LISTED, headers=(*LISTED.headers, (b"x-amz-content-sha256", b"UNSIGNED-PAYLOAD"))))
    assert refusal_of(request) is SignatureFailure.PAYLOAD_MISMATCH
    check(replace(request, body=b"anything"), allow_unsigned_payload=True)


@either
def test_an_unsigned_payload_cannot_be_claimed_afterwards(unsigned: Received) -> None:
    request = signed(unsigned).with_headers((b"x-amz-content-sha256", b"UNSIGNED-PAYLOAD"))
    check(request, allow_unsigned_payload=True)
    assert refusal_of(replace(request, body=b"x"), allow_unsigned_payload=True) is SignatureFailure.MISMATCH


def test_a_query_is_verified_in_any_order() -> None:
    request = signed(replace(PLAIN, target=b"/?b=2&a=%20"))
    check(replace(request, target=b"/?a=%20&b=2"))
    assert refusal_of(replace(request, target=b"/?a=%20&b=3")) is SignatureFailure.MISMATCH


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "TrentService.Encrypt"},
        {"X-Amz-Content-SHA256": "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},
        {"X-Amz-Security-Token": "token"},
    ],
    ids=["host and date", "KMS", "payload hash", "session"],
)
@pytest.mark.parametrize("path", ["/tenant/kms/xks/v1/keys/a.b/encrypt", "/", "/a%20b?x=1&a=%2F"])
def test_what_botocore_signs_is_accepted(headers: dict[str, str], path: str) -> None:
    request = AWSRequest(method="POST", url="https://kms.example.com:8443" + path, headers=headers, data=b"{}")
    SigV4Auth(Credentials("AKIAEXAMPLE", SECRET.reveal().decode()), "kms-xks-proxy", "eu-central-1").add_auth(request)
    received = Received(target=path.encode(), host=b"kms.example.com:8443").with_headers(
        *((name.lower().encode(), value.encode()) for name, value in request.headers.items())
    )
    check(received, now=parse_amz_date(received.amz_date))


def presigned_by_botocore(*, expires_seconds: int = 60) -> Received:
    url = "https://sts.example.com/?Action=GetCallerIdentity&Version=2011-06-15"
    request = AWSRequest(method="GET", url=url, headers={"x-k8s-aws-id": "cluster"})
    credentials = Credentials("AKIAEXAMPLE", SECRET.reveal().decode(), "session+token/=")
    SigV4QueryAuth(credentials, "sts", "eu-central-1", expires=expires_seconds).add_auth(request)
    target = request.url.removeprefix("https://sts.example.com").encode()
    headers = ((b"host", b"sts.example.com"), (b"x-k8s-aws-id", b"cluster"))
    return Received(b"GET", target, b"sts.example.com", b"", headers, b"")


def check_presigned(
    request: Received, *, age_seconds: float = 0, service: bytes = b"sts", required_headers: Collection[bytes] = ()
) -> None:
    presigned = parse_presigned(request.target)
    terms = presigned.authorization
    verify_presigned(
        request,
        presigned,
        signing_key=SigningKeys(SECRET).for_scope(terms.date, terms.region, terms.service),
        service=service,
        now=parse_amz_date(presigned.amz_date) + age_seconds,
        required_headers=required_headers,
    )


@pytest.mark.parametrize("age_seconds", [-300, 0, 60])
def test_what_botocore_presigns_is_accepted_until_it_expires(age_seconds: float) -> None:
    check_presigned(presigned_by_botocore(), age_seconds=age_seconds, required_headers=(b"x-k8s-aws-id",))


@pytest.mark.parametrize(("age_seconds", "reason"), [(60.1, SignatureFailure.STALE), (-300.1, SignatureFailure.EARLY)])
def test_a_presigned_target_outside_its_time_is_refused(age_seconds: float, reason: SignatureFailure) -> None:
    with pytest.raises(SignatureError) as raised:
        check_presigned(presigned_by_botocore(), age_seconds=age_seconds)
    assert raised.value.reason is reason


def test_a_presigned_target_changed_afterwards_is_refused() -> None:
    request = presigned_by_botocore()
    with pytest.raises(SignatureError) as raised:
        check_presigned(replace(request, target=request.target.replace(b"Expires=60", b"Expires=600")))
    assert raised.value.reason is SignatureFailure.MISMATCH


def test_a_presigned_target_for_another_service_is_refused() -> None:
    with pytest.raises(SignatureError) as raised:
        check_presigned(presigned_by_botocore(), service=b"kms")
    assert raised.value.reason is SignatureFailure.WRONG_SERVICE


def test_no_refusal_shows_a_signature() -> None:
    request = signed(PLAIN)
    with pytest.raises(SignatureError) as raised:
        check(replace(request, body=b"changed"))
    received = parse_authorization(dict(request.headers)[b"authorization"]).signature
    assert received.decode() not in str(raised.value)
    assert str(raised.value) == "the signature does not match the request"


def test_a_refusal_says_how_far_the_clocks_are_apart() -> None:
    with pytest.raises(SignatureError, match="412 seconds ago, at most 300 allowed"):
        check(signed(PLAIN), now=NOW + 412)
    with pytest.raises(SignatureError, match="dated 500 seconds ahead"):
        check(signed(PLAIN), now=NOW - 500)
