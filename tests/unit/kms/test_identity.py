from __future__ import annotations

import pytest

from hyok.transport.messages import HttpResponse
from tests.unit.kms.running import OTHER_ACCOUNT, RunningKms, authorization, http_request

ASK = b"Action=GetCallerIdentity&Version=2011-06-15"
FORM = (b"content-type", b"application/x-www-form-urlencoded; charset=utf-8")


def ask(kms: RunningKms, *, signed_by: bytes, body: bytes = ASK) -> HttpResponse:
    return kms.answer(http_request(body=body, authorization=signed_by, headers=[FORM]))


def test_a_caller_learns_who_it_is(kms: RunningKms) -> None:
    response = ask(kms, signed_by=authorization(OTHER_ACCOUNT, "us-east-1", "sts"))
    assert response.status == 200
    assert response.content_type == b"text/xml"
    assert f"<Account>{OTHER_ACCOUNT}</Account>".encode() in response.body
    assert f"<Arn>arn:aws:iam::{OTHER_ACCOUNT}:root</Arn>".encode() in response.body
    assert dict(response.headers)[b"x-amzn-RequestId"] in response.body


@pytest.mark.parametrize(
    ("signed_by", "body", "status", "code"),
    [
        (b"", ASK, 403, b"MissingAuthenticationToken"),
        (b"Basic x", ASK, 400, b"IncompleteSignature"),
        (authorization(region="EU"), ASK, 403, b"SignatureDoesNotMatch"),
        (authorization("a:b"), ASK, 403, b"InvalidClientTokenId"),
        (authorization(), b"Action=AssumeRole&Version=2011-06-15", 400, b"InvalidAction"),
    ],
)
def test_sts_refuses_in_its_own_words(kms: RunningKms, signed_by: bytes, body: bytes, status: int, code: bytes) -> None:
    response = ask(kms, signed_by=signed_by, body=body)
    assert response.status == status
    assert b"<Code>" + code + b"</Code>" in response.body
