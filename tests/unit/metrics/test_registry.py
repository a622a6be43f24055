"""Counting requests and rendering the counts for Prometheus."""

from __future__ import annotations

import pytest

from hyok.metrics.registry import MetricsRegistry, render_metrics


def test_requests_are_counted_by_key_store_operation_and_error() -> None:
    registry = MetricsRegistry()
    for error in ("", "", "ThrottlingException"):
        registry.count_request(key_store="dev", operation="Encrypt", error=error, duration_us=900)

    counts = {labels: series.count for labels, series in registry.requests().items()}
    assert counts == {("dev", "Encrypt", ""): 2, ("dev", "Encrypt", "ThrottlingException"): 1}


@pytest.mark.parametrize(
    ("duration_us", "bucket"), [(0, 0), (5_000, 0), (5_001, 1), (35_000, 3), (250_000, 8), (250_001, 9)]
)
def test_a_duration_falls_into_the_first_bucket_whose_bound_holds_it(duration_us: int, bucket: int) -> None:
    registry = MetricsRegistry()

    registry.count_request(key_store="dev", operation="Encrypt", error="", duration_us=duration_us)

    (series,) = registry.requests().values()
    assert series.buckets.index(1) == bucket
    assert series.count == 1
    assert series.sum_us == duration_us


def test_metrics_are_rendered_in_the_prometheus_text_format() -> None:
    registry = MetricsRegistry()
    registry.count_request(key_store="dev", operation="Encrypt", error="", duration_us=4_000)
    registry.count_request(key_store="dev", operation="Encrypt", error="", duration_us=300_000)

    labels = 'key_store="dev",operation="Encrypt",error=""'
    assert render_metrics(registry).decode().splitlines() == [
        "# HELP hyok_proxy_requests_total "
        "Requests to the external key store proxy; error is empty for those that succeeded.",
        "# TYPE hyok_proxy_requests_total counter",
        f"hyok_proxy_requests_total{{{labels}}} 2",
        "# HELP hyok_proxy_request_duration_seconds "
        "Time from a request's first byte to its finished answer. AWS KMS gives up after 0.25 s.",
        "# TYPE hyok_proxy_request_duration_seconds histogram",
        *(
            f'hyok_proxy_request_duration_seconds_bucket{{{labels},le="{bound}"}} 1'
            for bound in ("0.005", "0.01", "0.025", "0.035", "0.05", "0.1", "0.15", "0.2", "0.25")
        ),
        f'hyok_proxy_request_duration_seconds_bucket{{{labels},le="+Inf"}} 2',
        f"hyok_proxy_request_duration_seconds_sum{{{labels}}} 0.304000",
        f"hyok_proxy_request_duration_seconds_count{{{labels}}} 2",
    ]


def test_series_are_rendered_in_a_stable_order() -> None:
    registry = MetricsRegistry()
    for operation, error in (("Encrypt", "InternalException"), ("Decrypt", ""), ("Encrypt", "")):
        registry.count_request(key_store="dev", operation=operation, error=error, duration_us=1)

    counters = [line for line in render_metrics(registry).decode().splitlines() if "requests_total{" in line]
    assert counters == sorted(counters)


def test_label_values_are_escaped() -> None:
    registry = MetricsRegistry()
    registry.count_request(key_store='a"b\\c\nd', operation="Encrypt", error="", duration_us=1)

    assert rb'key_store="a\"b\\c\nd"' in render_metrics(registry)
