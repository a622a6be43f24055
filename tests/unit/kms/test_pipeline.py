from __future__ import annotations

import json
import logging
import re

import pytest

from hyok.awsjson.errors import AwsError
from hyok.clock import SystemClock
from hyok.kms.authorization import Authorization
from hyok.kms.caller import AnyCredentials
from hyok.kms.grant_index import GrantIndex
from hyok.kms.operation import Operation
from hyok.kms.pipeline import KmsService
from hyok.transport.messages import HttpResponse, Refusal
from tests.unit.kms.running import (
    ACCOUNT,
    MODEL,
    OTHER_ACCOUNT,
    PEER,
    REGION,
    RunningKms,
    a_call,
    authorization,
    http_request,
    signed_request,
)

UUID_4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
CANARY = "c4n4ry-plaintext"


def request_id(response: HttpResponse) -> str:
    return dict(response.headers)[b"x-amzn-RequestId"].decode()


class OneOperation:
    """A family whose one operation does as the test says."""

    def __init__(self, operation: Operation) -> None:
        self._operation = operation

    def operations(self) -> dict[str, Operation]:
        return {"GenerateRandom": self._operation}


def service(operation: Operation) -> KmsService:
    return KmsService(
        model=MODEL,
        families=(OneOperation(operation),),
        identification=AnyCredentials(account=ACCOUNT, region=REGION),
        authorization=Authorization(GrantIndex(), key_aliases=lambda _: (), clock=SystemClock()),
    )


def answer_at_once(kms: KmsService, operation: str = "GenerateRandom") -> HttpResponse:
    """Run a request that waits for nothing, as the transport does: without a task or a loop."""
    with pytest.raises(StopIteration) as ended:
        kms.answer(signed_request(operation, {"NumberOfBytes": 8})).send(None)
    response: HttpResponse = ended.value.value
    return response


def test_an_operation_gets_who_calls_from_where_and_what(kms: RunningKms) -> None:
    seen: list[object] = []

    async def look(call: object, request: object) -> dict[str, object]:
        seen.extend((call, request))
        return {"Plaintext": b"12345678"}

    response = answer_at_once(service(look))
    assert response.status == 200
    assert response.content_type == b"application/x-amz-json-1.1"
    assert json.loads(response.body) == {"Plaintext": "MTIzNDU2Nzg="}
    expected = a_call("GenerateRandom")._replace(request_id=request_id(response), source_address=PEER.address)
    assert seen == [expected, {"NumberOfBytes": 8}]


def test_every_answer_has_a_request_id_of_its_own(kms: RunningKms) -> None:
    responses = [kms.answer(signed_request("ListKeys", {})), kms.answer(signed_request("ListKeys", {"Limit": 0}))]
    ids = {request_id(response) for response in responses}
    assert len(ids) == 2
    assert all(UUID_4.fullmatch(id_) for id_ in ids)


def test_a_key_in_memory_answers_without_waiting(kms: RunningKms) -> None:
    arn = kms.create_key()
    with pytest.raises(StopIteration):
        kms.service.answer(signed_request("GenerateDataKey", {"KeyId": arn, "KeySpec": "AES_256"})).send(None)


def test_accounts_and_regions_do_not_see_one_another(kms: RunningKms) -> None:
    arn = kms.create_key()
    assert kms.call("ListKeys", {})["Keys"] == [{"KeyId": arn.split("/")[1], "KeyArn": arn}]
    assert kms.call("ListKeys", {}, account=OTHER_ACCOUNT)["Keys"] == []
    assert kms.call("ListKeys", {}, region="eu-west-1")["Keys"] == []


@pytest.mark.parametrize("target", [b"", b"TrentService.Nonsense", b"encrypt"])
def test_an_unknown_operation_is_refused(kms: RunningKms, target: bytes) -> None:
    response = kms.answer(http_request(authorization=authorization(), headers=[(b"x-amz-target", target)]))
    assert (response.status, json.loads(response.body)) == (400, {"__type": "UnknownOperationException"})


def test_a_method_that_is_not_post_is_refused(kms: RunningKms) -> None:
    response = kms.answer(http_request(method=b"GET", authorization=authorization()))
    assert json.loads(response.body)["__type"] == "UnknownOperationException"


@pytest.mark.parametrize(
    ("header", "code", "text"),
    [
        (b"", "MissingAuthenticationTokenException", "Missing Authentication Token"),
        (
            b"Basic x",
            "IncompleteSignatureException",
            "The Authorization header cannot be read as AWS Signature Version 4.",
        ),
        (authorization(region="EU"), "InvalidSignatureException", "Credential should be scoped to a valid region."),
        (authorization("a:b"), "UnrecognizedClientException", "The security token included in the request is invalid."),
    ],
)
def test_an_unidentified_caller_is_refused_in_aws_s_words(kms: RunningKms, header: bytes, code: str, text: str) -> None:
    request = signed_request("ListKeys", {})
    request.authorization = header
    response = kms.answer(request)
    assert (response.status, json.loads(response.body)) == (400, {"__type": code, "message": text})


def test_a_body_that_is_not_json_is_refused(kms: RunningKms) -> None:
    request = signed_request("ListKeys", {})
    request.body = b"{"
    response = kms.answer(request)
    assert (response.status, json.loads(response.body)["__type"]) == (400, "SerializationException")


def test_an_operation_that_a_newer_model_brings_is_refused_and_named() -> None:
    async def unused(call: object, request: object) -> None: ...

    response = answer_at_once(service(unused), "ListAliases")
    assert response.status == 400
    assert json.loads(response.body) == {
        "__type": "UnsupportedOperationException",
        "message": "hyok does not have the operation ListAliases yet.",
    }


def test_an_operation_without_output_has_an_empty_body(kms: RunningKms) -> None:
    response = kms.answer(signed_request("DisableKey", {"KeyId": kms.create_key()}))
    assert (response.status, response.body) == (200, b"")


def test_a_defect_is_an_internal_exception_and_its_log_holds_no_value(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(call: object, request: object) -> None:
        raise ValueError(f"unexpected {CANARY}")

    with caplog.at_level(logging.ERROR):
        response = answer_at_once(service(fail))
    assert (response.status, json.loads(response.body)["__type"]) == (500, "KMSInternalException")
    assert CANARY.encode() not in response.body
    assert CANARY not in caplog.text
    assert request_id(response) in caplog.text
    assert "ValueError" in caplog.text
    assert "test_pipeline.py" in caplog.text


def test_an_output_that_the_model_does_not_have_is_an_internal_exception() -> None:
    async def answer_nonsense(call: object, request: object) -> dict[str, object]:
        return {"Nonsense": 1}

    assert answer_at_once(service(answer_nonsense)).status == 500


def test_an_error_that_the_model_does_not_have_is_an_internal_exception() -> None:
    async def refuse_oddly(call: object, request: object) -> dict[str, object]:
        raise AwsError("NoSuchException", "odd")

    assert answer_at_once(service(refuse_oddly)).status == 500


def test_a_load_balancer_sees_that_the_service_runs(kms: RunningKms) -> None:
    response = kms.answer(http_request(method=b"GET", target=b"/ping"))
    assert (response.status, response.body) == (200, b"pong")


@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        (Refusal.MALFORMED, 400, "MalformedHttpRequestException"),
        (Refusal.HEAD_TOO_LARGE, 431, "MalformedHttpRequestException"),
        (Refusal.BODY_TOO_LARGE, 413, "RequestEntityTooLargeException"),
        (Refusal.TOO_SLOW, 408, "RequestTimeoutException"),
    ],
)
def test_the_transport_s_refusals_are_put_into_aws_s_words(
    kms: RunningKms, refusal: Refusal, status: int, code: str
) -> None:
    response = kms.service.refuse(refusal, PEER)
    assert (response.status, json.loads(response.body)["__type"]) == (status, code)


def test_an_answer_that_could_not_leave_is_an_internal_exception(kms: RunningKms) -> None:
    kms.service.before_answers_leave()
    response = kms.service.answer_failed()
    assert (response.status, json.loads(response.body)["__type"]) == (500, "KMSInternalException")
