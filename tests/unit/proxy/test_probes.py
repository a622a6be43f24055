"""What load balancers are told, and by which listener."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hyok.keymanagers.embedded.manager import EmbeddedKeyManager
from hyok.keymanagers.interface import HealthStatus
from hyok.transport.messages import HttpRequest, HttpResponse, Peer, Refusal
from tests.unit.proxy.managers import ReportingManager
from tests.unit.proxy.stage import MANAGER, Stage, make_request


def ask(stage: Stage, target: str, method: str = "GET") -> HttpResponse:
    return stage.ask(make_request(target, b"", method=method))


def ask_probe_service(stage: Stage, target: bytes, method: bytes = b"GET") -> HttpResponse:
    request = HttpRequest(Peer("192.0.2.7:4711", ""))
    request.method, request.target = method, target
    return asyncio.run(stage.service.probes.service().answer(request))


def check(stage: Stage, manager: EmbeddedKeyManager, status: HealthStatus) -> None:
    stage.managers[MANAGER] = ReportingManager(manager, status)
    asyncio.run(stage.health.check_all())


@contextmanager
def full_disk(stage: Stage) -> Iterator[None]:
    """Make every write to the audit log fail."""
    kept = os.dup(stage.audit._writer.segment.descriptor)
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, stage.audit._writer.segment.descriptor)
    yield
    os.dup2(kept, stage.audit._writer.segment.descriptor)
    os.close(full)
    os.close(kept)


def test_a_proxy_that_has_not_looked_at_its_key_managers_yet_is_not_ready(stage: Stage) -> None:
    answer = ask(stage, "/ready")
    assert (answer.status, answer.body) == (503, b"no key manager serves\n")


@pytest.mark.parametrize(
    ("status", "expected"), [(HealthStatus.ACTIVE, 200), (HealthStatus.DEGRADED, 200), (HealthStatus.UNAVAILABLE, 503)]
)
def test_a_proxy_is_ready_while_a_key_manager_serves(
    stage: Stage, key_manager: EmbeddedKeyManager, status: HealthStatus, expected: int
) -> None:
    check(stage, key_manager, status)
    assert ask(stage, "/ready").status == expected


def test_one_key_manager_that_serves_is_enough(stage: Stage, key_manager: EmbeddedKeyManager) -> None:
    stage.managers["other"] = ReportingManager(key_manager, HealthStatus.UNAVAILABLE)
    check(stage, key_manager, HealthStatus.ACTIVE)
    assert ask(stage, "/ready").status == 200


def test_a_proxy_that_cannot_read_withdrawals_is_not_ready(stage: Stage, key_manager: EmbeddedKeyManager) -> None:
    check(stage, key_manager, HealthStatus.ACTIVE)
    stage.is_stale = True
    answer = ask(stage, "/ready")
    assert (answer.status, answer.body) == (503, b"the change log cannot be read\n")


def test_a_proxy_that_cannot_record_is_not_ready(stage: Stage, key_manager: EmbeddedKeyManager) -> None:
    check(stage, key_manager, HealthStatus.ACTIVE)
    with full_disk(stage):
        ask(stage, "/nothing")
        with pytest.raises(Exception, match="No space left"):
            stage.service.before_answers_leave()
        answer = ask(stage, "/ready")
    assert (answer.status, answer.body) == (503, b"the audit log cannot be written\n")
    assert ask(stage, "/ready").status == 200


def test_a_probe_leaves_no_record(stage: Stage) -> None:
    ask(stage, "/ready")
    ask(stage, "/ping", "HEAD")
    assert stage.records() == []


def test_a_ping_needs_nothing_to_be_well(stage: Stage) -> None:
    stage.is_stale = True
    answer = ask(stage, "/ping")
    assert (answer.status, answer.body) == (200, b"pong\n")


def test_the_probes_own_listener_answers_them_and_nothing_else(stage: Stage, key_manager: EmbeddedKeyManager) -> None:
    check(stage, key_manager, HealthStatus.ACTIVE)
    assert ask_probe_service(stage, b"/ping").status == 200
    assert ask_probe_service(stage, b"/ready").status == 200
    for target, method in ((b"/", b"GET"), (b"/alpha/kms/xks/v1/health", b"POST"), (b"/ping", b"POST")):
        assert ask_probe_service(stage, target, method).status == 404
    assert stage.records() == []


@pytest.mark.parametrize("refusal", Refusal)
def test_the_probes_own_listener_refuses_by_status(stage: Stage, refusal: Refusal) -> None:
    service = stage.service.probes.service()
    assert service.refuse(refusal, Peer("192.0.2.7:4711", "")).status == refusal.value
    service.before_answers_leave()
    assert service.answer_failed().status == 500
