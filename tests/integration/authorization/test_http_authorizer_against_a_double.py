"""The proxy asks an authorizer outside, over TLS; the authorizer is a double that answers as OPA does."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme

from hyok.clock import deadline_in
from hyok.keymanagers.embedded.manager import EmbeddedKeyManager
from hyok.proxy.authorization.authorizing import Authorization
from hyok.proxy.authorization.http_authorizer import HttpAuthorizer
from hyok.secret import Secret
from hyok.transport.messages import HttpRequest, HttpResponse
from hyok.transport.tls import client_context
from tests.integration.authorization.double import Decide, Double, answering, authorizer_double
from tests.unit.proxy.authorization.written import policies
from tests.unit.proxy.stage import KEY, Stage, encrypt_request, error_of, health_request, metadata, open_key_manager
from tests.unit.transport.certificates import authority_source

DENIED = (403, "AccessDeniedException")
INTERNAL = (500, "InternalException")
TOKEN = Secret(b"a-token-for-opa")


@pytest.fixture(scope="module")
def key_manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKeyManager]:
    with open_key_manager(tmp_path_factory.mktemp("keys")) as manager:
        yield manager


@pytest.fixture
def stage(key_manager: EmbeddedKeyManager, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(key_manager, tmp_path / "audit")
    yield stage
    stage.close()


class Authority(NamedTuple):
    ca: trustme.CA
    server: ssl.SSLContext


@pytest.fixture(scope="module")
def authority() -> Authority:
    ca = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(server)
    return Authority(ca, server)


@contextmanager
def asking(authority: Authority, decide: Decide) -> Iterator[Double]:
    with authorizer_double(decide, authority.server) as double:
        yield double


Ask = Callable[[HttpRequest], Awaitable[HttpResponse]]


def ask(stage: Stage, authority: Authority, url: str, *requests: HttpRequest) -> list[HttpResponse]:
    """Answer requests one after the other, with the authorizer at `url`."""

    async def run() -> list[HttpResponse]:
        tls = client_context(authority_source(authority.ca), None)
        async with aclosing(HttpAuthorizer(url, tls=tls, token=TOKEN)) as authorizer:
            stage.service._authorization = Authorization(authorizer=authorizer)
            answers = []
            for request in requests:
                request.deadline = deadline_in(2)
                answers.append(await stage.service.answer(request))
            return answers

    return asyncio.run(run())


def test_it_is_told_all_that_is_known_and_its_yes_lets_a_request_pass(stage: Stage, authority: Authority) -> None:
    asked = encrypt_request(requestMetadata=metadata(sourceIdentity="alice"))
    with asking(authority, answering({"allow": True, "reason": "rule 7"})) as double:
        assert ask(stage, authority, double.url, asked, encrypt_request())[0].status == 200
    assert double.asked[0] == {
        "principal": "arn:aws:iam::123456789012:user/Alice",
        "action": "kms:Encrypt",
        "resource": metadata()["kmsKeyArn"],
        "keyStore": "alpha",
        "externalKeyId": KEY,
        "xksOperation": "Encrypt",
        "address": "192.0.2.7",
        "time": stage.clock.now(),
        "requestMetadata": metadata(sourceIdentity="alice"),
    }
    assert double.headers[0]["authorization"] == "Bearer a-token-for-opa"
    record = stage.records()[0]
    assert (record["decision"], record["policy"], record["statement"]) == ("allowed", "authorizer", "rule 7")


@pytest.mark.parametrize("result", [False, {"allow": False, "reason": "no ticket"}, {}, None])
def test_its_no_is_access_denied(stage: Stage, authority: Authority, result: Any) -> None:
    with asking(authority, answering(result)) as double:
        (answer,) = ask(stage, authority, double.url, encrypt_request())
    assert error_of(answer) == DENIED
    record = stage.records()[-1]
    assert (record["decision"], record["policy"]) == ("denied", "authorizer")
    if isinstance(result, dict) and result:
        assert record["statement"] == "no ticket"


def test_policies_and_the_authorizer_must_both_allow(stage: Stage, authority: Authority) -> None:
    bob = {"Sid": "Bob", "Principal": {"AWS": "arn:aws:iam::123456789012:user/Bob"}}
    stage.change_key_store("alpha", policies=policies(bob))
    with asking(authority, answering(True)) as double:
        assert error_of(ask(stage, authority, double.url, encrypt_request())[0]) == DENIED
        assert double.asked == [], "what policies refuse is not asked"
        as_bob = encrypt_request(requestMetadata=metadata(awsPrincipalArn=bob["Principal"]["AWS"]))  # type: ignore[index]  # of a mixed dict
        assert ask(stage, authority, double.url, as_bob)[0].status == 200
    record = stage.records()[-1]
    assert (record["policy"], record["statement"]) == ("p", "Bob")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b'{"result": true}'),
        (302, b'{"result": true}'),
        (200, b"<html>"),
        (200, b""),
        (200, b'{"result": "yes"}'),
        (200, b'{"result": {"allow": "yes"}}'),
        (200, b'{"result": ' + b"[" * 5000),
        (200, b'{"result": true, "x": "' + b"x" * 70_000 + b'"}'),
        (200, b"\xff\xfe"),
    ],
    ids=range(9),
)
def test_what_is_no_decision_refuses(stage: Stage, authority: Authority, status: int, body: bytes) -> None:
    with asking(authority, lambda _: (status, body)) as double:
        (answer,) = ask(stage, authority, double.url, encrypt_request())
    assert error_of(answer) == INTERNAL
    assert "authorizer answered" in stage.records()[-1]["detail"]


def test_an_authorizer_that_is_not_there_refuses(stage: Stage, authority: Authority) -> None:
    with asking(authority, answering(True)) as double:
        pass
    assert error_of(ask(stage, authority, double.url, encrypt_request())[0]) == INTERNAL
    assert "cannot be reached" in stage.records()[-1]["detail"]


def test_an_authorizer_whose_certificate_nobody_trusted_signed_refuses(stage: Stage, authority: Authority) -> None:
    with asking(authority, answering(True)) as double:
        other = Authority(trustme.CA(), authority.server)
        assert error_of(ask(stage, other, double.url, encrypt_request())[0]) == INTERNAL
        assert double.asked == []


def test_an_authorizer_that_is_late_refuses_by_the_requests_deadline(stage: Stage, authority: Authority) -> None:
    def late(_: dict[str, Any]) -> tuple[int, bytes]:
        time.sleep(1.0)
        return 200, b'{"result": true}'

    async def run(url: str) -> HttpResponse:
        tls = client_context(authority_source(authority.ca), None)
        async with aclosing(HttpAuthorizer(url, tls=tls)) as authorizer:
            stage.service._authorization = Authorization(authorizer=authorizer)
            request = encrypt_request()
            request.deadline = deadline_in(0.2)
            return await stage.service.answer(request)

    with asking(authority, late) as double:
        assert error_of(asyncio.run(run(double.url))) == (503, "DependencyTimeoutException")


def test_health_is_exempt(stage: Stage, authority: Authority) -> None:
    with asking(authority, answering(False)) as double:
        assert ask(stage, authority, double.url, health_request())[0].status == 200
        assert double.asked == []


def test_a_connection_that_was_closed_meanwhile_is_opened_again(stage: Stage, authority: Authority) -> None:
    """Python's server closes a connection after HTTP/1.0; the next question goes over another."""
    with authorizer_double(answering(True)) as double:
        answers = ask(stage, authority, double.url, *(encrypt_request() for _ in range(5)))
    assert {answer.status for answer in answers} == {200}
    assert json.loads(answers[0].body)["ciphertext"]
