"""Counting, and handing over what was counted."""

from __future__ import annotations

import msgspec
import pytest

from hyok.metrics.registry import MetricsRegistry
from hyok.metrics.report import Counts


def count(registry: MetricsRegistry, *, error: str = "", duration_us: int = 900) -> None:
    registry.count_request("dev", "Encrypt", error, duration_us)


def test_requests_are_counted_by_key_store_operation_and_error() -> None:
    registry = MetricsRegistry()
    for error in ("", "", "ThrottlingException"):
        count(registry, error=error)

    counts = {labels: series.count for labels, series in registry.requests().items()}
    assert counts == {("dev", "Encrypt", ""): 2, ("dev", "Encrypt", "ThrottlingException"): 1}


@pytest.mark.parametrize(
    ("duration_us", "bucket"), [(0, 0), (5_000, 0), (5_001, 1), (35_000, 3), (250_000, 8), (250_001, 9)]
)
def test_a_duration_falls_into_the_first_bucket_whose_bound_holds_it(duration_us: int, bucket: int) -> None:
    registry = MetricsRegistry()

    count(registry, duration_us=duration_us)

    (series,) = registry.requests().values()
    assert series.buckets.index(1) == bucket
    assert series.count == 1
    assert series.sum_us == duration_us


def test_what_was_taken_is_not_taken_again() -> None:
    registry = MetricsRegistry()
    count(registry)
    registry.count_authentication_failure(key_store="dev", reason="stale")
    registry.count_refused_connection(listener="proxy", reason="all")

    first = registry.take()

    assert [(each.listener, each.reason, each.count) for each in first.refused_connections] == [("proxy", "all", 1)]
    assert [(each.error, sum(each.buckets)) for each in first.requests] == [("", 1)]
    assert [(each.reason, each.count) for each in first.authentication_failures] == [("stale", 1)]
    assert registry.take() == Counts()


def test_what_several_processes_counted_adds_up_over_the_wire_too() -> None:
    one, other, total = MetricsRegistry(), MetricsRegistry(), MetricsRegistry()
    for registry, times in ((one, 3), (other, 4)):
        for _ in range(times):
            count(registry)
            registry.count_authentication_failure(key_store="dev", reason="mismatch")
            registry.count_refused_connection(listener="proxy", reason="address")
    count(other, error="InternalException", duration_us=300_000)

    for registry in (one, other):
        total.add(msgspec.json.decode(msgspec.json.encode(registry.take()), type=Counts))

    assert {labels: (series.buckets[0], series.buckets[-1]) for labels, series in total.requests().items()} == {
        ("dev", "Encrypt", ""): (7, 0),
        ("dev", "Encrypt", "InternalException"): (0, 1),
    }
    assert total.requests()["dev", "Encrypt", ""].sum_us == 6_300
    assert total.authentication_failures() == {("dev", "mismatch"): 7}
    assert total.refused_connections() == {("proxy", "address"): 7}


def test_times_of_stages_add_up_over_processes() -> None:
    one, total = MetricsRegistry(), MetricsRegistry()
    for _ in range(2):
        one.stages.receive += 1.0
        one.stages.perform += 0.25
        total.add(one.take())

    assert one.take() == Counts()
    assert total.stages.as_tuple() == (2.0, 0.0, 0.0, 0.5)
