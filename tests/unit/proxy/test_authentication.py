"""SigV4 at the door of a key store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hyok.secret import Secret
from hyok.sigv4.signing import sign
from hyok.transport.messages import HttpRequest
from tests.unit.proxy.stage import ALPHA_SIGNER, NOW, Signer, Stage, encrypt_request, error_of, make_request

REFUSED = (401, "AuthenticationFailedException")
HEALTH = "/alpha/kms/xks/v1/health"
BODY = b'{"requestMetadata":{"kmsRequestId":"1","kmsOperation":"KmsHealthCheck"}}'


@pytest.mark.parametrize("age_seconds", [-299, 0, 299])
def test_a_signature_of_the_last_five_minutes_is_good(stage: Stage, age_seconds: int) -> None:
    assert stage.ask(make_request(HEALTH, BODY, signed_at=NOW - age_seconds)).status == 200


@pytest.mark.parametrize("age_seconds", [-302, 302, 86_400])
def test_a_signature_more_than_five_minutes_off_is_refused(stage: Stage, age_seconds: int) -> None:
    assert error_of(stage.ask(make_request(HEALTH, BODY, signed_at=NOW - age_seconds))) == REFUSED


def test_the_key_store_may_demand_a_region(stage: Stage) -> None:
    stage.change_key_store("alpha", regions=frozenset({b"eu-central-1", b"eu-west-1"}))

    assert stage.ask(make_request(HEALTH, BODY, region="eu-west-1")).status == 200
    assert error_of(stage.ask(make_request(HEALTH, BODY, region="us-east-1"))) == REFUSED


def test_a_signature_for_another_service_is_refused(stage: Stage) -> None:
    assert error_of(stage.ask(make_request(HEALTH, BODY, service="execute-api"))) == REFUSED


def test_a_wrong_secret_is_refused(stage: Stage) -> None:
    signer = Signer(ALPHA_SIGNER.access_key_id, Secret(b"x" * 48))

    assert error_of(stage.ask(make_request(HEALTH, BODY, signer=signer))) == REFUSED


def _set(name: str, value: Any) -> Callable[[HttpRequest], None]:
    return lambda request: setattr(request, name, value)


@pytest.mark.parametrize(
    "alter",
    [
        _set("authorization", b""),
        _set("authorization", b"Basic YTpi"),
        _set("authorization", b"\xff\x00"),
        _set("body", BODY + b" "),
        _set("host", b"elsewhere.test"),
        _set("amz_date", b"20251124T160001Z"),
        _set("amz_date", b""),
        _set("target", b"/alpha/kms/xks/v1/keys/alpha-key/metadata"),
    ],
    ids=["unsigned", "basic", "bytes", "body", "host", "date", "no date", "target"],
)
def test_what_was_altered_after_signing_is_refused(stage: Stage, alter: Callable[[HttpRequest], None]) -> None:
    request = make_request(HEALTH, BODY)
    alter(request)

    assert error_of(stage.ask(request)) == REFUSED


def test_nothing_is_decoded_before_the_signature_is_checked(stage: Stage) -> None:
    request = make_request(HEALTH, b"this is not JSON")
    request.authorization = b""

    assert error_of(stage.ask(request)) == REFUSED


def test_the_answer_does_not_say_what_was_wrong_but_the_record_does(stage: Stage) -> None:
    stale = stage.ask(make_request(HEALTH, BODY, signed_at=NOW - 1000))
    unknown = stage.ask(make_request(HEALTH, BODY, signer=Signer("AKUNKNOWN22222222222", Secret(b"x" * 48))))

    assert stale.body == unknown.body
    stale_record, unknown_record = stage.records()
    assert "too long ago" in stale_record["detail"]
    assert "none of this key store's" in unknown_record["detail"]


def test_a_secret_put_in_place_of_the_access_key_id_is_not_recorded(stage: Stage) -> None:
    secret = ALPHA_SIGNER.secret.reveal().decode().replace("/", "x")

    stage.ask(make_request(HEALTH, BODY, signer=Signer(secret, ALPHA_SIGNER.secret)))

    (record,) = stage.records()
    assert record["credential_id"] == "(too long)"


def test_other_headers_may_be_signed_as_well(stage: Stage) -> None:
    request = encrypt_request()
    headers = [(b"content-type", b"application/json"), (b"host", request.host)]
    added = dict(
        sign(
            method=request.method,
            target=request.target,
            headers=headers,
            body=request.body,
            access_key_id=ALPHA_SIGNER.access_key_id,
            secret=ALPHA_SIGNER.secret,
            region="eu-central-1",
            service="kms-xks-proxy",
            now=NOW,
        )
    )
    request.headers = [*headers, *added.items()]
    request.authorization = added[b"authorization"]

    assert stage.ask(request).status == 200
