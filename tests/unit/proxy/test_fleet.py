"""Counting the proxies that serve from one storage, by the leases of their servers."""

from __future__ import annotations

import asyncio
import os

from sqlalchemy import select

from hyok.proxy.fleet import (
    BEAT_SECONDS,
    COUNT_KEPT_SECONDS,
    COUNTED_SECONDS,
    Fleet,
    process_id,
    this_server,
)
from hyok.storage.engine import Storage
from hyok.storage.schema import server_leases
from tests.unit.storage.fixtures import SetClock, clock, holder_storage, holder_url

__all__ = ["clock", "holder_storage", "holder_url"]


class Time:
    """The monotonic clock of a server."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def make_fleet(
    storage: Storage, clock: SetClock, instance: str, *, monotonic: Time | None = None, stale_after: float = 15.0
) -> Fleet:
    return Fleet(
        storage,
        clock,
        server=this_server(instance),
        position=lambda: 7,
        stale_after_seconds=stale_after,
        monotonic=monotonic or Time(),
    )


def beat(*fleets: Fleet) -> list[int]:
    for fleet in fleets:
        asyncio.run(fleet.beat())
    return [fleet.size() for fleet in fleets]


def leases_in(storage: Storage) -> int:
    with storage.reading() as connection:
        return len(connection.execute(select(server_leases)).all())


def test_a_proxy_that_has_not_counted_yet_knows_of_itself(holder_storage: Storage, clock: SetClock) -> None:
    assert make_fleet(holder_storage, clock, "a").size() == 1


def test_proxies_of_one_storage_count_one_another(holder_storage: Storage, clock: SetClock) -> None:
    first, second, third = (make_fleet(holder_storage, clock, name) for name in "abc")
    assert beat(first, second, third) == [1, 2, 3]
    assert beat(first, second, third) == [3, 3, 3]


def test_workers_of_one_proxy_count_as_one(holder_storage: Storage, clock: SetClock) -> None:
    workers = [make_fleet(holder_storage, clock, "a") for _ in range(3)]
    assert beat(*workers) == [1, 1, 1]
    assert leases_in(holder_storage) == 3


def test_nothing_that_is_told_of_the_fleet_is_older_than_a_minute(holder_storage: Storage, clock: SetClock) -> None:
    time = Time()
    living, other = make_fleet(holder_storage, clock, "a", monotonic=time), make_fleet(holder_storage, clock, "b")
    beat(other, living)
    time.now += COUNT_KEPT_SECONDS
    assert living.size() == 2
    time.now += 1
    assert living.size() == 1
    assert COUNTED_SECONDS + COUNT_KEPT_SECONDS <= 60


def test_a_proxy_without_a_sign_of_life_for_long_is_not_counted(holder_storage: Storage, clock: SetClock) -> None:
    living, silent = (make_fleet(holder_storage, clock, name) for name in "ab")
    beat(living, silent)
    clock.time += COUNTED_SECONDS
    assert beat(living) == [2]
    clock.time += 1
    assert beat(living) == [1]


def test_a_lease_that_withdrawals_could_still_wait_for_outlives_the_minute(
    holder_storage: Storage, clock: SetClock
) -> None:
    living, silent = (make_fleet(holder_storage, clock, name, stale_after=100.0) for name in "ab")
    beat(living, silent)
    clock.time += 399
    assert beat(living) == [1]
    assert leases_in(holder_storage) == 2
    clock.time += 2
    beat(living)
    assert leases_in(holder_storage) == 1


def test_a_server_that_could_not_write_its_lease_takes_itself_for_lost_before_others_do(
    holder_storage: Storage, clock: SetClock
) -> None:
    time = Time()
    fleet = make_fleet(holder_storage, clock, "a", monotonic=time)
    assert time() > fleet.ends_at
    beat(fleet)
    time.now += 44
    assert time() <= fleet.ends_at
    time.now += 2
    assert time() > fleet.ends_at
    beat(fleet)
    assert time() <= fleet.ends_at


def test_a_server_that_leaves_takes_its_lease_along(holder_storage: Storage, clock: SetClock) -> None:
    first, second = (make_fleet(holder_storage, clock, name) for name in "ab")
    beat(first, second)
    asyncio.run(first.leave())
    assert beat(second) == [1]
    assert leases_in(holder_storage) == 1


def test_what_was_applied_is_acknowledged_at_once(holder_storage: Storage, clock: SetClock) -> None:
    position = 3

    async def main() -> None:
        nonlocal position
        fleet = Fleet(
            holder_storage, clock, server=this_server("a"), position=lambda: position, stale_after_seconds=15.0
        )
        beating = asyncio.create_task(fleet.keep_beating())
        await asyncio.sleep(0.1)
        position = 4
        fleet.acknowledge()
        async with asyncio.timeout(BEAT_SECONDS / 2):
            await asyncio.to_thread(await_position, 4)
        beating.cancel()

    def await_position(wanted: int) -> None:
        present = 0
        while present != wanted:
            with holder_storage.reading() as connection:
                present = connection.scalar(select(server_leases.c.position)) or 0

    asyncio.run(main())


def test_a_sign_of_life_may_be_late_several_times_before_a_proxy_is_missed() -> None:
    assert BEAT_SECONDS * 4 <= COUNTED_SECONDS
    assert BEAT_SECONDS * 2 <= COUNT_KEPT_SECONDS


def test_a_process_has_a_name_that_no_other_has() -> None:
    assert process_id(os.getpid()) == process_id(os.getpid()) != process_id(os.getppid())
    assert process_id(2**22 + 1) == ""
