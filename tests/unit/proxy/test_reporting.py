"""What a proxy's process tells of itself for metrics."""

from __future__ import annotations

import asyncio

from hyok.keymanagers.interface import CallCounting, CallCounts
from hyok.metrics.names import CONNECTION_LIMITS, STAGES
from hyok.metrics.report import CredentialBirth, ManagerCalls, MemberState, OpenConnections
from hyok.proxy.authentication import REGION_NOT_ALLOWED, UNKNOWN_CREDENTIAL
from hyok.proxy.reporting import Reporter
from hyok.sigv4.errors import SignatureFailure
from hyok.transport.limits import ConnectionLimit
from hyok.transport.messages import HttpRequest
from tests.unit.proxy.managers import WaitingManager, WatchedManager
from tests.unit.proxy.stage import (
    ALPHA_SECOND_SIGNER,
    ALPHA_SIGNER,
    BETA_SIGNER,
    MANAGER,
    NOW,
    Stage,
    encrypt_request,
    make_request,
)


def reporter_of(stage: Stage) -> Reporter:
    return Reporter(
        metrics=stage.metrics,
        key_stores=stage.key_stores,
        key_managers=stage.managers,
        health=stage.health,
        audit=stage.audit,
        change_log_age_seconds=lambda: 0.5,
        fleet_size=lambda: 2,
    )


def failures(stage: Stage, *requests: HttpRequest) -> list[tuple[str, str, int]]:
    for request in requests:
        assert stage.ask(request).status == 401
    counts = reporter_of(stage).report({}).counts
    return [(each.key_store, each.reason, each.count) for each in counts.authentication_failures]


def test_authentication_failures_are_told_by_reason(stage: Stage) -> None:
    stage.change_key_store("alpha", regions=frozenset({b"eu-central-1"}))
    target = "/alpha/kms/xks/v1/health"
    altered = make_request(target, b"{}")
    altered.body = b"{ }"

    found = failures(
        stage,
        make_request(target, b"{}", signer=BETA_SIGNER),
        make_request(target, b"{}", region="us-east-1"),
        make_request(target, b"{}", signed_at=NOW - 400),
        make_request(target, b"{}", signed_at=NOW - 500),
        altered,
    )

    assert found == [
        ("alpha", UNKNOWN_CREDENTIAL, 1),
        ("alpha", REGION_NOT_ALLOWED, 1),
        ("alpha", "stale", 2),
        ("alpha", "mismatch", 1),
    ]
    assert {"stale", "mismatch"} <= {reason.name.lower() for reason in SignatureFailure}


def test_the_reason_stands_in_the_record_too(stage: Stage) -> None:
    stage.ask(encrypt_request(signer=BETA_SIGNER))
    stage.ask(encrypt_request())

    assert [record.get("authentication_failure") for record in stage.records()] == [UNKNOWN_CREDENTIAL, None]


def test_requests_that_wait_for_a_key_manager_are_in_flight(stage: Stage) -> None:
    stage.managers[MANAGER] = WaitingManager(stage.managers[MANAGER], 0.01)

    async def count() -> tuple[int, int]:
        reporter = reporter_of(stage)
        answer = asyncio.create_task(stage.service.answer(encrypt_request()))
        await asyncio.sleep(0)
        during = reporter.report({}).state.requests_in_flight
        await answer
        return during, reporter.report({}).state.requests_in_flight

    assert asyncio.run(count()) == (1, 0)


def test_the_time_that_a_key_manager_takes_is_its_stages(stage: Stage) -> None:
    stage.managers[MANAGER] = WaitingManager(stage.managers[MANAGER], 0.02)
    asyncio.run(stage.service.answer(encrypt_request()))
    times = dict(zip(STAGES, reporter_of(stage).report({}).counts.stage_seconds, strict=True))

    assert times["perform"] >= 0.02
    assert all(times[each] > 0 for each in ("receive", "authenticate", "decode"))


def test_members_and_active_credentials_are_told(stage: Stage) -> None:
    asyncio.run(stage.health.check_all())

    state = reporter_of(stage).report({}).state

    assert state.members == (MemberState(MANAGER, "embedded", "active"),)
    assert set(state.credentials) == {
        CredentialBirth("alpha", ALPHA_SIGNER.access_key_id, 0.0),
        CredentialBirth("alpha", ALPHA_SECOND_SIGNER.access_key_id, 0.0),
        CredentialBirth("beta", BETA_SIGNER.access_key_id, 0.0),
    }
    assert (state.fleet_size, state.change_log_age_seconds, state.is_audit_log_failing) == (2, 0.5, False)


class CountingManager(WatchedManager, CallCounting):
    def count_calls(self) -> CallCounts:
        return CallCounts(running=3, queued=2, hanging=1)


def test_a_manager_with_a_queue_tells_how_its_calls_stand(stage: Stage) -> None:
    stage.managers["hsm"] = CountingManager(stage.managers[MANAGER])
    assert reporter_of(stage).report({}).state.calls == (ManagerCalls("hsm", (3, 2, 1)),)


def test_connections_are_told_by_listener_and_their_limits_as_metrics_name_them(stage: Stage) -> None:
    state = reporter_of(stage).report({"proxy": 3, "health": 1}).state
    assert state.connections == (OpenConnections("proxy", 3), OpenConnections("health", 1))
    assert tuple(limit.value for limit in ConnectionLimit) == CONNECTION_LIMITS
