"""How long a health check counts, and who makes the next one."""

from __future__ import annotations

import asyncio

import pytest

from hyok.clock import deadline_in
from hyok.keymanagers.embedded.manager import EmbeddedKeyManager
from hyok.keymanagers.errors import KeyManagerFailure
from hyok.keymanagers.interface import HealthStatus
from hyok.proxy import health
from hyok.proxy.health import FleetHealth, HealthMonitor
from tests.unit.proxy.managers import FailingManager, ReportingManager


class Time:
    """A monotonic clock moved by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(health, "monotonic", time.monotonic)
    return time


@pytest.fixture
def manager(key_manager: EmbeddedKeyManager) -> ReportingManager:
    return ReportingManager(key_manager, HealthStatus.ACTIVE)


def look(monitor: HealthMonitor) -> FleetHealth:
    return asyncio.run(monitor.fleet_health(("hsm",), deadline_in(1)))


def test_the_first_look_makes_a_check(manager: ReportingManager) -> None:
    fleet = look(HealthMonitor({"hsm": manager}))

    assert fleet.members[0].status is HealthStatus.ACTIVE
    assert manager.calls["check_health"] == 1


def test_a_check_is_used_again_for_less_than_a_minute(manager: ReportingManager, time: Time) -> None:
    monitor = HealthMonitor({"hsm": manager})
    look(monitor)

    time.seconds += 54
    look(monitor)
    assert manager.calls["check_health"] == 1

    time.seconds += 2
    look(monitor)
    assert manager.calls["check_health"] == 2


def test_nobody_serves_as_far_as_is_known_when_all_that_is_known_is_a_minute_old(
    manager: ReportingManager, time: Time
) -> None:
    monitor = HealthMonitor({"hsm": manager})
    look(monitor)

    time.seconds += 54
    assert monitor.is_serving()
    time.seconds += 2
    assert not monitor.is_serving()


def test_a_change_for_the_worse_is_seen_at_the_next_check(manager: ReportingManager, time: Time) -> None:
    monitor = HealthMonitor({"hsm": manager})
    look(monitor)
    manager.statuses = (HealthStatus.UNAVAILABLE,)

    time.seconds += 60

    assert look(monitor).members[0].status is HealthStatus.UNAVAILABLE


def test_background_checks_spare_the_callers_theirs(manager: ReportingManager, key_manager: EmbeddedKeyManager) -> None:
    failing = FailingManager(key_manager, KeyManagerFailure.TIMED_OUT)
    monitor = HealthMonitor({"hsm": manager, "broken": failing})

    async def run() -> None:
        task = asyncio.create_task(monitor.keep_fresh())
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait((task,))
        assert task.cancelled()

    asyncio.run(run())

    assert look(monitor).members[0].status is HealthStatus.ACTIVE
    assert manager.calls["check_health"] == 1
