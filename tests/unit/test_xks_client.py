from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Coroutine, Sequence
from typing import Any, NamedTuple, TypeVar

import pytest

from hyok.clock import NO_DEADLINE, Deadline, deadline_in, remaining_seconds
from hyok.secret import Secret
from hyok.sigv4.authorization import parse_authorization
from hyok.sigv4.signing import SigningKeys
from hyok.sigv4.verification import verify
from hyok.transport.client import HttpClientPool
from hyok.transport.exchange import Headers, HttpAnswer, TransportError, TransportFailure
from hyok.transport.messages import HttpRequest, Peer
from hyok.transport.sockets import Address
from hyok.xks.errors import XksErrorName
from hyok.xks.messages import (
    DecryptRequest,
    DecryptResponse,
    EkmHealthStatus,
    EncryptRequest,
    EncryptResponse,
    GetKeyMetadataResponse,
    KeyStatus,
    RequestMetadata,
)
from hyok.xks_client import (
    Unreachable,
    XksClientError,
    XksMalformed,
    XksProxyClient,
    XksRefused,
    XksUnreachable,
)

T = TypeVar("T")

NOW = 1_764_000_000.0
SECRET = Secret(b"DXjSUawnel2fr6SKC7G25CNxTyWKE5PF9XX6H/u9pSo=")
METADATA = RequestMetadata("Encrypt", "request-1", "arn:aws:iam::123456789012:root", "arn:aws:kms:key")
ENCRYPT = EncryptRequest(METADATA, b"plaintext", "AES_GCM", b"aad", "SHA_256")
DECRYPT = DecryptRequest(METADATA, b"ciphertext", b"i" * 12, b"t" * 16, "AES_GCM", b"", b"aad")

ENCRYPTED = b'{"ciphertext":"Y2lwaGVydGV4","initializationVector":"aWlpaWlpaWlpaWlp","authenticationTag":"%b"}' % (
    b"dHR0dHR0dHR0dHR0dHR0dA=="
)
DECRYPTED = b'{"plaintext":"cGxhaW50ZXh0"}'
KEY = b'{"keySpec":"AES_256","keyUsage":["ENCRYPT","DECRYPT"],"keyStatus":"ENABLED"}'
HEALTH = json.dumps(
    {
        "xksProxyFleetSize": 1,
        "xksProxyVendor": "v",
        "xksProxyModel": "m",
        "ekmVendor": "e",
        "ekmFleetDetails": [{"id": "1", "model": "m", "healthStatus": "ACTIVE"}],
    }
).encode()


class StandingClock:
    def now(self) -> float:
        return NOW


class Sent(NamedTuple):
    method: bytes
    target: bytes
    headers: Headers
    body: bytes
    seconds: float
    """What the exchange was given."""


class ScriptedPool(HttpClientPool):
    """A pool without a network: it plays one outcome after the other, and the last for ever."""

    def __init__(self, *outcomes: HttpAnswer | TransportError) -> None:
        super().__init__(Address("192.0.2.1", 443), server_name="xks.example.com", tls=None)
        self._outcomes = list(outcomes)
        self.sent: list[Sent] = []

    async def exchange(
        self, *, method: bytes, target: bytes, headers: Headers, body: bytes, deadline: Deadline
    ) -> HttpAnswer:
        self.sent.append(Sent(method, target, headers, body, remaining_seconds(deadline)))
        outcome = self._outcomes.pop(0) if len(self._outcomes) > 1 else self._outcomes[0]
        if isinstance(outcome, TransportError):
            raise outcome
        return outcome


def ok(body: bytes) -> HttpAnswer:
    return HttpAnswer(200, (), body)


def failed(failure: TransportFailure) -> TransportError:
    return TransportError(failure, "as scripted")


def client(pool: ScriptedPool) -> XksProxyClient:
    return XksProxyClient(
        pool,
        host="xks.example.com",
        uri_path="/first/kms/xks/v1",
        region="eu-central-1",
        access_key_id="ABCDEFGHIJKLMNOPQRST",
        secret=SECRET,
        clock=StandingClock(),
    )


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(coroutine)


def encrypt(*outcomes: HttpAnswer | TransportError, deadline: Deadline = NO_DEADLINE) -> EncryptResponse:
    return run(client(ScriptedPool(*outcomes)).encrypt("key-1", ENCRYPT, deadline))


def failure(*outcomes: HttpAnswer | TransportError) -> XksClientError:
    with pytest.raises(XksClientError) as raised:
        encrypt(*outcomes)
    return raised.value


def test_encrypt_asks_for_what_it_was_given() -> None:
    pool = ScriptedPool(ok(ENCRYPTED))
    answer = run(client(pool).encrypt("key-1", ENCRYPT, NO_DEADLINE))
    assert answer == EncryptResponse(b"ciphertex", b"i" * 12, b"t" * 16)
    assert (pool.sent[0].method, pool.sent[0].target) == (b"POST", b"/first/kms/xks/v1/keys/key-1/encrypt")
    assert json.loads(pool.sent[0].body) == {
        "requestMetadata": {
            "awsPrincipalArn": "arn:aws:iam::123456789012:root",
            "kmsKeyArn": "arn:aws:kms:key",
            "kmsOperation": "Encrypt",
            "kmsRequestId": "request-1",
        },
        "plaintext": "cGxhaW50ZXh0",
        "encryptionAlgorithm": "AES_GCM",
        "additionalAuthenticatedData": "YWFk",
        "ciphertextDataIntegrityValueAlgorithm": "SHA_256",
    }


def test_decrypt_asks_for_what_it_was_given() -> None:
    pool = ScriptedPool(ok(DECRYPTED))
    assert run(client(pool).decrypt("key-1", DECRYPT, NO_DEADLINE)) == DecryptResponse(b"plaintext")
    assert pool.sent[0].target == b"/first/kms/xks/v1/keys/key-1/decrypt"
    assert json.loads(pool.sent[0].body)["ciphertext"] == "Y2lwaGVydGV4dA=="


def test_get_key_metadata_tells_no_key_arn_that_it_does_not_have() -> None:
    pool = ScriptedPool(ok(KEY))
    metadata = RequestMetadata("CreateKey", "request-1", "arn:aws:iam::123456789012:root")
    answer = run(client(pool).get_key_metadata("key-1", metadata, NO_DEADLINE))
    assert answer == GetKeyMetadataResponse("AES_256", ("ENCRYPT", "DECRYPT"), KeyStatus.ENABLED)
    assert pool.sent[0].target == b"/first/kms/xks/v1/keys/key-1/metadata"
    assert "kmsKeyArn" not in json.loads(pool.sent[0].body)["requestMetadata"]


def test_get_health_status_asks_for_no_key() -> None:
    pool = ScriptedPool(ok(HEALTH))
    answer = run(client(pool).get_health_status(RequestMetadata("KmsHealthCheck", "request-1"), NO_DEADLINE))
    assert answer.ekm_fleet_details[0].health_status is EkmHealthStatus.ACTIVE
    assert pool.sent[0].target == b"/first/kms/xks/v1/health"
    assert json.loads(pool.sent[0].body) == {
        "requestMetadata": {"kmsOperation": "KmsHealthCheck", "kmsRequestId": "request-1"}
    }


def test_a_request_is_json_signed_for_the_proxy_over_host_and_date() -> None:
    pool = ScriptedPool(ok(ENCRYPTED))
    run(client(pool).encrypt("key-1", ENCRYPT, NO_DEADLINE))
    received = as_received(pool.sent[0])
    authorization = parse_authorization(received.authorization)
    assert received.header(b"content-type") == b"application/json"
    assert received.host == b"xks.example.com"
    assert authorization.signed_headers == b"host;x-amz-date"
    assert authorization.access_key_id == b"ABCDEFGHIJKLMNOPQRST"
    key = SigningKeys(SECRET).for_scope(authorization.date, b"eu-central-1", b"kms-xks-proxy")
    verify(received, authorization, signing_key=key, service=b"kms-xks-proxy", now=NOW)


def test_an_exchange_has_250_milliseconds() -> None:
    pool = ScriptedPool(ok(ENCRYPTED))
    run(client(pool).encrypt("key-1", ENCRYPT, NO_DEADLINE))
    assert 0.2 < pool.sent[0].seconds <= 0.25


def test_an_exchange_has_less_if_the_caller_has_less() -> None:
    pool = ScriptedPool(ok(ENCRYPTED))
    run(client(pool).encrypt("key-1", ENCRYPT, deadline_in(0.1)))
    assert 0.05 < pool.sent[0].seconds <= 0.1


def test_a_request_that_timed_out_is_sent_once_more_with_as_much_time() -> None:
    pool = ScriptedPool(failed(TransportFailure.TIMED_OUT), ok(ENCRYPTED))
    assert run(client(pool).encrypt("key-1", ENCRYPT, NO_DEADLINE)).ciphertext == b"ciphertex"
    first, second = pool.sent
    assert 0.2 < second.seconds <= 0.25
    assert first[:4] == second[:4]


def test_a_request_is_not_sent_a_third_time() -> None:
    pool = ScriptedPool(failed(TransportFailure.TIMED_OUT))
    with pytest.raises(XksUnreachable):
        run(client(pool).encrypt("key-1", ENCRYPT, NO_DEADLINE))
    assert len(pool.sent) == 2


def test_a_request_is_not_repeated_after_the_callers_deadline() -> None:
    pool = ScriptedPool(failed(TransportFailure.TIMED_OUT))
    with pytest.raises(XksUnreachable):
        run(client(pool).encrypt("key-1", ENCRYPT, Deadline(time.monotonic() - 1)))
    assert len(pool.sent) == 1


@pytest.mark.parametrize(
    "outcome",
    [
        failed(TransportFailure.NO_CONNECTION),
        failed(TransportFailure.NO_TLS),
        failed(TransportFailure.BAD_ANSWER),
        HttpAnswer(503, (), b'{"errorName":"DependencyTimeoutException"}'),
        HttpAnswer(429, (), b'{"errorName":"ThrottlingException"}'),
        ok(b"{}"),
    ],
    ids=["no connection", "no TLS", "bad answer", "dependency timeout", "throttled", "malformed"],
)
def test_a_request_is_not_repeated_for_any_other_reason(outcome: HttpAnswer | TransportError) -> None:
    pool = ScriptedPool(outcome)
    with pytest.raises(XksClientError):
        run(client(pool).encrypt("key-1", ENCRYPT, NO_DEADLINE))
    assert len(pool.sent) == 1


@pytest.mark.parametrize(
    ("reached", "kind"),
    [
        (TransportFailure.NO_CONNECTION, Unreachable.NO_CONNECTION),
        (TransportFailure.NO_NETWORK, Unreachable.NO_NETWORK),
        (TransportFailure.NO_TLS, Unreachable.NO_TLS),
        (TransportFailure.TIMED_OUT, Unreachable.TIMED_OUT),
    ],
)
def test_no_answer_is_told_apart_by_how_far_it_went(reached: TransportFailure, kind: Unreachable) -> None:
    error = failure(failed(reached))
    assert isinstance(error, XksUnreachable)
    assert error.kind is kind


def test_an_answer_that_is_no_http_is_malformed() -> None:
    assert isinstance(failure(failed(TransportFailure.BAD_ANSWER)), XksMalformed)


@pytest.mark.parametrize("name", list(XksErrorName), ids=lambda name: name.value)
def test_every_error_of_the_api_is_a_refusal_by_its_name(name: XksErrorName) -> None:
    error = failure(HttpAnswer(name.status, (), b'{"errorName":"%b","errorMessage":"why"}' % name.value.encode()))
    assert isinstance(error, XksRefused)
    assert (error.name, error.status, str(error)) == (name, name.status, f"{name.value}: why")


def test_an_error_under_a_foreign_status_counts_by_its_name_and_says_so() -> None:
    error = failure(HttpAnswer(400, (), b'{"errorName":"KeyNotFoundException"}'))
    assert isinstance(error, XksRefused)
    assert (error.name, error.status) == (XksErrorName.KEY_NOT_FOUND, 400)
    assert str(error) == "KeyNotFoundException with status 400 instead of 404"


MALFORMED: Sequence[HttpAnswer] = [
    HttpAnswer(500, (), b""),
    HttpAnswer(502, (), b"<html>Bad Gateway</html>"),
    HttpAnswer(400, (), b'{"errorName":"SomethingElseException"}'),
    HttpAnswer(400, (), b'{"errorName":400}'),
    HttpAnswer(301, ((b"location", b"https://elsewhere.example/"),), b""),
    HttpAnswer(201, (), ENCRYPTED),
    HttpAnswer(204, (), b""),
    ok(b""),
    ok(b"[]"),
    ok(b"{}"),
    ok(b"\xff"),
    ok(ENCRYPTED[:-1]),
    ok(b'{"errorName":"InternalException"}'),
    ok(ENCRYPTED.replace(b"initializationVector", b"iv")),
    ok(ENCRYPTED.replace(b'"aWlpaWlpaWlpaWlp"', b"12")),
    ok(ENCRYPTED.replace(b"aWlpaWlpaWlpaWlp", b"aWlpaWlpaWlpaWlpaQ==")),
    ok(ENCRYPTED.replace(b"dHR0dHR0dHR0dHR0dHR0dA==", b"dHR0dHR0dHR0dHR0dHR0")),
    ok(ENCRYPTED.replace(b"Y2lwaGVydGV4", b"Y2lw_GVydGV4")),
]


@pytest.mark.parametrize("answer", MALFORMED, ids=lambda answer: f"{answer.status} {answer.body[:32]!r}")
def test_any_other_answer_is_malformed(answer: HttpAnswer) -> None:
    assert isinstance(failure(answer), XksMalformed)


@pytest.mark.parametrize("answer", MALFORMED, ids=lambda answer: f"{answer.status} {answer.body[:32]!r}")
def test_a_malformed_answer_is_not_quoted(answer: HttpAnswer) -> None:
    text = str(failure(answer))
    assert not any(part in text for part in ("Y2lwaGVydGV4", "dHR0", "aWlp", "html", "Else", "elsewhere"))


def test_neither_the_client_nor_its_errors_show_the_secret() -> None:
    pool = ScriptedPool(failed(TransportFailure.NO_TLS))
    shown = repr(client(pool)) + str(vars(client(pool))) + str(failure(failed(TransportFailure.NO_TLS)))
    assert "DXjSUawnel" not in shown


def as_received(sent: Sent) -> HttpRequest:
    request = HttpRequest(Peer("127.0.0.1:50000", ""))
    request.method, request.target, request.body = sent.method, sent.target, sent.body
    request.headers = list(sent.headers)
    request.host = request.header(b"host")
    request.amz_date = request.header(b"x-amz-date")
    request.authorization = request.header(b"authorization")
    return request
