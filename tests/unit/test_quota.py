"""The token bucket of a key store's quota."""

from __future__ import annotations

import pytest

from hyok.quota import Quota


class Instant:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> int:
        return round(self.seconds * 1e9)


def admitted(quota: Quota, requests: int) -> int:
    return sum(quota.admit() for _ in range(requests))


def test_a_burst_of_one_seconds_requests_passes_at_once_and_no_more() -> None:
    instant = Instant()
    assert admitted(Quota(100, monotonic_ns=instant), 500) == 100


def test_what_is_refused_takes_no_token() -> None:
    instant = Instant()
    quota = Quota(100, monotonic_ns=instant)
    admitted(quota, 100_000)
    instant.seconds += 0.05
    assert admitted(quota, 100) == 5


def test_a_long_rest_fills_the_bucket_to_one_second_and_not_beyond() -> None:
    instant = Instant()
    quota = Quota(100, monotonic_ns=instant)
    admitted(quota, 100)
    instant.seconds += 3600
    assert admitted(quota, 500) == 100


@pytest.mark.parametrize("per_second", [0.25, 0.5, 1, 7, 1800])
def test_under_a_steady_surplus_the_quota_passes_and_no_more(per_second: float) -> None:
    instant = Instant()
    quota = Quota(per_second, monotonic_ns=instant)
    count = 0
    for _ in range(4000):
        instant.seconds += 1 / (4 * per_second)
        count += quota.admit()
    assert count == pytest.approx(1000 + max(1, per_second), abs=2)


def test_a_quota_below_one_request_a_second_still_lets_one_through() -> None:
    instant = Instant()
    quota = Quota(0.5, monotonic_ns=instant)
    assert admitted(quota, 3) == 1
    instant.seconds += 1.0
    assert admitted(quota, 3) == 0
    instant.seconds += 1.0
    assert admitted(quota, 3) == 1
