"""The proxy from request to answer: what each kind of request gets, and that every error can be reached."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable

import pytest

from hyok.clock import deadline_in
from hyok.keymanagers.errors import KeyManagerFailure
from hyok.proxy.keystores import ExternalKey, ExternalKeys
from hyok.quota import Quota
from hyok.transport.messages import HttpRequest, HttpResponse, Peer, Refusal
from hyok.xks.errors import XksErrorName
from tests.unit.proxy.managers import DefectiveManager, FailingManager, WaitingManager
from tests.unit.proxy.stage import (
    ALPHA_SECOND_SIGNER,
    ALPHA_SIGNER,
    BETA_SIGNER,
    DECRYPT_ONLY_KEY,
    DISABLED_KEY,
    KEY,
    MANAGER,
    Stage,
    content_of,
    decrypt_request,
    encrypt_request,
    error_of,
    from_base64,
    health_request,
    make_request,
    metadata_request,
    to_base64,
)


def test_what_was_encrypted_is_decrypted(stage: Stage) -> None:
    encrypted = stage.encrypt(plaintext=b"a data key")

    assert from_base64(content_of(stage.ask(decrypt_request(encrypted)))["plaintext"]) == b"a data key"


@pytest.mark.parametrize("size", [0, 1, 4300, 8192])
def test_plaintexts_of_every_supported_size_come_back(stage: Stage, size: int) -> None:
    encrypted = stage.encrypt(plaintext=bytes(size))

    assert from_base64(content_of(stage.ask(decrypt_request(encrypted)))["plaintext"]) == bytes(size)


@pytest.mark.parametrize("aad", [None, b"", bytes(8192)])
def test_aad_may_be_absent_empty_or_8192_bytes(stage: Stage, aad: bytes | None) -> None:
    encrypted = stage.encrypt(aad=aad)

    assert stage.ask(decrypt_request(encrypted, aad=aad)).status == 200


def test_answers_are_json(stage: Stage) -> None:
    for request in (encrypt_request(), metadata_request(), health_request(), encrypt_request(key_id="missing")):
        assert stage.ask(request).content_type == b"application/json"


@pytest.mark.parametrize("operation", ["keys/alpha-key/encrypt", "keys/alpha-key/decrypt", "keys/alpha-key/metadata"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_an_api_path_takes_post_only(stage: Stage, operation: str, method: str) -> None:
    response = stage.ask(make_request(f"/alpha/kms/xks/v1/{operation}", b"", method=method))

    assert (response.status, response.headers) == (405, ((b"allow", b"POST"),))


def test_the_health_path_takes_post_only(stage: Stage) -> None:
    assert stage.ask(make_request("/alpha/kms/xks/v1/health", b"", method="GET")).status == 405


def test_a_get_on_a_prefix_that_nobody_has_is_an_invalid_path(stage: Stage) -> None:
    response = stage.ask(make_request("/gamma/kms/xks/v1/health", b"", method="GET"))

    assert error_of(response) == (404, "InvalidUriPathException")


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
def test_a_ping_is_answered_without_signature_and_without_record(stage: Stage, method: bytes) -> None:
    request = HttpRequest(Peer("192.0.2.9:80", ""))
    request.method, request.target = method, b"/ping"

    assert stage.ask(request).status == 200
    assert stage.records() == []


def test_a_post_to_ping_is_no_operation(stage: Stage) -> None:
    assert error_of(stage.ask(make_request("/ping", b""))) == (404, "InvalidUriPathException")


def test_unknown_members_and_operations_are_no_reason_to_refuse(stage: Stage) -> None:
    request = encrypt_request(
        requestMetadata={
            "awsPrincipalArn": "AWS Internal",
            "kmsOperation": "AnOperationOfTomorrow",
            "kmsRequestId": "",
            "kmsKeyArn": "arn",
            "SourceIdentity": {"nested": [1]},
        }
    )

    assert stage.ask(request).status == 200


@pytest.mark.parametrize("ask", [encrypt_request, metadata_request, health_request])
def test_a_proxy_that_may_be_out_of_date_uses_no_key(stage: Stage, ask: Callable[[], HttpRequest]) -> None:
    stage.is_stale = True

    assert error_of(stage.ask(ask())) == (500, "InternalException")


def test_a_key_whose_manager_is_not_configured_is_an_internal_failure(stage: Stage) -> None:
    stage.change_key_store("alpha", external_keys=ExternalKeys([ExternalKey(KEY, "removed", KEY)]))

    assert error_of(stage.ask(encrypt_request())) == (500, "InternalException")


def test_a_key_is_used_by_the_name_it_has_in_its_manager(stage: Stage) -> None:
    stage.change_key_store("alpha", external_keys=ExternalKeys([ExternalKey("front-name", MANAGER, KEY)]))

    encrypted = content_of(stage.ask(encrypt_request(key_id="front-name")))

    assert stage.ask(decrypt_request(encrypted, key_id="front-name")).status == 200
    assert error_of(stage.ask(encrypt_request(key_id=KEY))) == (404, "KeyNotFoundException")


def test_a_key_manager_that_waits_is_carried_on(stage: Stage) -> None:
    stage.managers[MANAGER] = WaitingManager(stage.managers[MANAGER], 0.001)

    encrypted = content_of(stage.ask_on_loop(encrypt_request(plaintext=b"later")))

    assert from_base64(content_of(stage.ask(decrypt_request(encrypted)))["plaintext"]) == b"later"


def _throttled(stage: Stage) -> HttpResponse:
    stage.managers[MANAGER] = FailingManager(stage.managers[MANAGER], KeyManagerFailure.OVERLOADED)
    return stage.ask(encrypt_request())


def _out_of_time(stage: Stage) -> HttpResponse:
    stage.managers[MANAGER] = WaitingManager(stage.managers[MANAGER], 60)
    request = encrypt_request()
    request.deadline = deadline_in(0.01)
    return stage.ask_on_loop(request)


def _unavailable(stage: Stage) -> HttpResponse:
    stage.managers[MANAGER] = FailingManager(stage.managers[MANAGER], KeyManagerFailure.UNAVAILABLE)
    return stage.ask(encrypt_request())


SCENARIOS: dict[XksErrorName, Callable[[Stage], HttpResponse]] = {
    XksErrorName.VALIDATION: lambda stage: stage.ask(encrypt_request(plaintext=b"", encryptionAlgorithm="ROT13")),
    XksErrorName.INVALID_STATE: lambda stage: stage.ask(encrypt_request(key_id=DISABLED_KEY)),
    XksErrorName.INVALID_CIPHERTEXT: lambda stage: stage.ask(
        decrypt_request(stage.encrypt(), authenticationTag=to_base64(bytes(16)))
    ),
    XksErrorName.INVALID_KEY_USAGE: lambda stage: stage.ask(encrypt_request(key_id=DECRYPT_ONLY_KEY)),
    XksErrorName.AUTHENTICATION_FAILED: lambda stage: stage.ask(
        make_request("/alpha/kms/xks/v1/health", b"{}", service="kms")
    ),
    XksErrorName.KEY_NOT_FOUND: lambda stage: stage.ask(metadata_request(key_id="missing")),
    XksErrorName.INVALID_URI_PATH: lambda stage: stage.ask(make_request("/alpha/kms/xks/v2/health", b"{}")),
    XksErrorName.THROTTLING: _throttled,
    XksErrorName.UNSUPPORTED_OPERATION: lambda stage: stage.ask(encrypt_request(plaintext=bytes(8193))),
    XksErrorName.DEPENDENCY_TIMEOUT: _out_of_time,
    XksErrorName.INTERNAL: _unavailable,
}


@pytest.mark.parametrize("name", SCENARIOS, ids=lambda name: name.value)
def test_the_error_is_answered_where_the_specification_wants_it(stage: Stage, name: XksErrorName) -> None:
    response = SCENARIOS[name](stage)

    assert error_of(response) == (name.status, name.value)
    message = json.loads(response.body).get("errorMessage", "")
    assert message.isascii()
    assert message.isprintable() or not message
    assert len(message) < 512


def test_only_what_awaits_secondary_authorization_cannot_be_reached_yet() -> None:
    assert set(XksErrorName) - set(SCENARIOS) == {XksErrorName.ACCESS_DENIED}


def test_a_defect_is_an_internal_error_and_its_log_names_type_and_place_only(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.managers[MANAGER] = DefectiveManager(stage.managers[MANAGER])

    with caplog.at_level(logging.ERROR):
        response = stage.ask(encrypt_request(plaintext=b"canary-plaintext"))

    assert error_of(response) == (500, "InternalException")
    assert "ValueError at" in caplog.text
    assert "managers.py" in caplog.text
    assert "canary-plaintext" not in caplog.text + response.body.decode() + json.dumps(stage.records())


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        (Refusal.MALFORMED, (400, "ValidationException")),
        (Refusal.HEAD_TOO_LARGE, (400, "ValidationException")),
        (Refusal.BODY_TOO_LARGE, (501, "UnsupportedOperationException")),
        (Refusal.TOO_SLOW, (400, "ValidationException")),
    ],
)
def test_refusals_of_the_transport_are_put_into_the_apis_words(
    stage: Stage, refusal: Refusal, expected: tuple[int, str]
) -> None:
    assert error_of(stage.service.refuse(refusal, Peer("192.0.2.7:4711", ""))) == expected


def test_a_caller_who_leaves_cancels_the_key_managers_work(stage: Stage) -> None:
    manager = WaitingManager(stage.managers[MANAGER], 60)
    stage.managers[MANAGER] = manager

    async def leave() -> None:
        task = asyncio.create_task(stage.service.answer(encrypt_request()))
        await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.wait((task,))
        await asyncio.sleep(0)
        assert task.cancelled()
        assert manager.was_cancelled  # here, and not only when the loop ends

    asyncio.run(leave())


def test_requests_beyond_the_key_stores_quota_are_throttled_at_once(stage: Stage) -> None:
    stage.change_key_store("alpha", quota=Quota(3))

    answers = [stage.ask(encrypt_request()) for _ in range(5)]

    assert [answer.status for answer in answers] == [200, 200, 200, 429, 429]
    assert error_of(answers[-1]) == (429, "ThrottlingException")


def test_a_request_that_is_not_authentic_takes_nothing_of_the_quota(stage: Stage) -> None:
    stage.change_key_store("alpha", quota=Quota(1))

    assert stage.ask(encrypt_request(signer=BETA_SIGNER)).status == 401
    assert stage.ask(encrypt_request()).status == 200


def test_each_authentic_request_is_noted_as_a_use_of_its_credential(stage: Stage) -> None:
    stage.ask(encrypt_request(signer=ALPHA_SECOND_SIGNER))
    stage.ask(encrypt_request(signer=BETA_SIGNER))
    stage.ask(encrypt_request(key_id=DISABLED_KEY))

    assert stage.uses == [
        (ALPHA_SECOND_SIGNER.access_key_id, stage.clock.time),
        (ALPHA_SIGNER.access_key_id, stage.clock.time),
    ]
