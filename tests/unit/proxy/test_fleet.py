"""Counting the proxies that serve from one storage."""

from __future__ import annotations

import asyncio

from hyok.proxy.fleet import ALIVE_SECONDS, BEAT_SECONDS, Fleet
from hyok.storage.engine import Storage
from tests.unit.storage.fixtures import SetClock, clock, holder_storage, holder_url

__all__ = ["clock", "holder_storage", "holder_url"]


def beat(*fleets: Fleet) -> list[int]:
    for fleet in fleets:
        asyncio.run(fleet.beat())
    return [fleet.size() for fleet in fleets]


def test_a_proxy_that_has_not_counted_yet_knows_of_itself(holder_storage: Storage, clock: SetClock) -> None:
    assert Fleet(holder_storage, clock, instance="a").size() == 1


def test_proxies_of_one_storage_count_one_another(holder_storage: Storage, clock: SetClock) -> None:
    first, second, third = (Fleet(holder_storage, clock, instance=name) for name in "abc")
    assert beat(first, second, third) == [1, 2, 3]
    assert beat(first, second, third) == [3, 3, 3]


def test_workers_of_one_proxy_count_as_one(holder_storage: Storage, clock: SetClock) -> None:
    workers = [Fleet(holder_storage, clock, instance="a") for _ in range(3)]
    assert beat(*workers) == [1, 1, 1]


def test_a_proxy_without_a_sign_of_life_for_a_minute_is_not_counted(holder_storage: Storage, clock: SetClock) -> None:
    living, silent = (Fleet(holder_storage, clock, instance=name) for name in "ab")
    beat(living, silent)
    clock.time += ALIVE_SECONDS
    assert beat(living) == [2]
    clock.time += 1
    assert beat(living) == [1]


def test_a_sign_of_life_may_be_late_several_times_before_a_proxy_is_missed() -> None:
    assert BEAT_SECONDS * 5 < ALIVE_SECONDS
