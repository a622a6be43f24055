from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from hyok.clock import NO_DEADLINE, Deadline, deadline_in
from hyok.keymanagers import workers
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.workers import WorkerPool


class Bench:
    """A workshop that notes who sat where."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.closed: list[str] = []
        self.ends = 0

    def open_seat(self) -> str:
        name = threading.current_thread().name
        self.opened.append(name)
        return name

    def close_seat(self, seat: str) -> None:
        assert threading.current_thread().name == seat
        self.closed.append(seat)

    def close(self) -> None:
        self.ends += 1


def pool_of(bench: Bench, *, threads: int = 2, queue_length: int = 10) -> WorkerPool[str]:
    return WorkerPool("pool", bench, threads=threads, queue_length=queue_length)


def add(seat: str, first: int, second: int) -> int:
    return first + second


def fail(seat: str, error: BaseException) -> None:
    raise error


def wait_for(seat: str, event: threading.Event) -> str:
    assert event.wait(5)
    return seat


async def failure_of(call: Callable[[], asyncio.Future[object]]) -> KeyManagerFailure:
    with pytest.raises(KeyManagerError) as caught:
        await call()
    return caught.value.failure


def test_work_is_done_in_a_named_thread_and_its_result_comes_back() -> None:
    async def check() -> None:
        bench = Bench()
        pool = pool_of(bench)
        assert await pool.submit(NO_DEADLINE, add, 1, 2) == 3
        assert bench.opened == ["pool-1"]
        with pytest.raises(ZeroDivisionError):
            await pool.submit(NO_DEADLINE, fail, ZeroDivisionError())
        with pytest.raises(SystemExit):
            await pool.submit(NO_DEADLINE, fail, SystemExit())
        assert await pool.submit(NO_DEADLINE, add, 3, 4) == 7  # the thread lives on
        await pool.aclose()

    asyncio.run(check())


def test_a_thread_is_started_only_when_all_are_taken() -> None:
    async def check() -> None:
        bench = Bench()
        pool = pool_of(bench, threads=3)
        for number in range(20):
            await pool.submit(NO_DEADLINE, add, number, 1)
        assert bench.opened == ["pool-1"]
        gate = threading.Event()
        calls = [pool.submit(NO_DEADLINE, wait_for, gate) for _ in range(5)]
        await asyncio.sleep(0.05)
        counts = pool.counts()
        assert (counts.threads, counts.running, counts.queued) == (3, 3, 2)
        gate.set()
        assert set(await asyncio.gather(*calls)) == set(bench.opened) == {"pool-1", "pool-2", "pool-3"}
        await pool.aclose()
        assert sorted(bench.closed) == sorted(bench.opened)
        assert bench.ends == 1

    asyncio.run(check())


def test_a_full_queue_turns_away_at_once() -> None:
    async def check() -> None:
        pool = pool_of(Bench(), threads=1, queue_length=2)
        gate = threading.Event()
        calls = [pool.submit(NO_DEADLINE, wait_for, gate) for _ in range(3)]
        for _ in range(2):
            with pytest.raises(KeyManagerError, match="overloaded: pool has 3 calls under way or waiting, as many as"):
                pool.submit(NO_DEADLINE, wait_for, gate)
        assert pool.counts().overloaded == 2
        gate.set()
        await asyncio.gather(*calls)
        assert await pool.submit(NO_DEADLINE, add, 1, 1) == 2
        await pool.aclose()

    asyncio.run(check())


def test_each_caller_is_freed_at_its_own_deadline() -> None:
    async def check() -> None:
        pool = pool_of(Bench(), threads=1)
        gate = threading.Event()
        began = time.monotonic()
        freed: dict[float, float] = {}

        async def call(seconds: float) -> None:
            def submit() -> asyncio.Future[object]:
                return pool.submit(deadline_in(seconds), wait_for, gate)

            assert await failure_of(submit) is KeyManagerFailure.TIMED_OUT
            freed[seconds] = time.monotonic() - began

        await asyncio.gather(*(call(seconds) for seconds in (0.3, 0.05, 0.15)))
        for seconds, took in freed.items():
            assert seconds - 0.01 < took < seconds + 0.1
        counts = pool.counts()
        assert (counts.abandoned, counts.running, counts.queued) == (1, 1, 2)
        gate.set()
        assert await pool.submit(NO_DEADLINE, add, 1, 1) == 2
        assert pool.counts().late == 3
        await pool.aclose()

    asyncio.run(check())


def test_what_nobody_waits_for_any_more_is_not_begun() -> None:
    async def check() -> None:
        pool = pool_of(Bench(), threads=1)
        gate, begun = threading.Event(), threading.Event()
        first = pool.submit(NO_DEADLINE, wait_for, gate)
        cancelled = pool.submit(NO_DEADLINE, lambda seat: begun.set())
        cancelled.cancel()
        late = pool.submit(Deadline(time.monotonic() - 1), lambda seat: begun.set())
        with pytest.raises(KeyManagerError, match="timed out"):
            await late
        gate.set()
        await first
        await pool.submit(NO_DEADLINE, add, 1, 1)
        assert not begun.is_set()
        await pool.aclose()

    asyncio.run(check())


def test_a_cancelled_caller_leaves_its_call_running_and_counted() -> None:
    async def check() -> None:
        pool = pool_of(Bench(), threads=1)
        gate = threading.Event()
        call = pool.submit(NO_DEADLINE, wait_for, gate)
        await asyncio.sleep(0.02)
        call.cancel()
        assert pool.counts().abandoned == 1
        gate.set()
        await pool.submit(NO_DEADLINE, add, 1, 1)
        assert (pool.counts().abandoned, pool.counts().late) == (0, 1)
        await pool.aclose()

    asyncio.run(check())


def test_a_closed_pool_refuses_what_waits_and_what_comes() -> None:
    async def check() -> None:
        bench = Bench()
        pool = pool_of(bench, threads=1)
        gate = threading.Event()
        first = pool.submit(NO_DEADLINE, wait_for, gate)
        waiting = pool.submit(NO_DEADLINE, add, 1, 1)
        await asyncio.sleep(0.02)
        closing = asyncio.ensure_future(pool.aclose())
        await asyncio.sleep(0)
        gate.set()
        assert await first == "pool-1"
        with pytest.raises(KeyManagerError, match="unavailable: pool is closed"):
            await waiting
        with pytest.raises(KeyManagerError, match="unavailable: pool is closed"):
            pool.submit(NO_DEADLINE, add, 1, 1)
        await closing
        assert (bench.closed, bench.ends) == (["pool-1"], 1)
        await pool.aclose()

    asyncio.run(check())


def test_closing_does_not_wait_for_a_call_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "CLOSING_SECONDS", 0.1)

    async def check() -> None:
        bench = Bench()
        pool = pool_of(bench, threads=2)
        gate = threading.Event()
        hanging = pool.submit(deadline_in(0.05), wait_for, gate)
        await pool.submit(NO_DEADLINE, add, 1, 1)
        with pytest.raises(KeyManagerError, match="timed out"):
            await hanging
        began = time.monotonic()
        await pool.aclose()
        assert time.monotonic() - began < 1
        assert (len(bench.closed), bench.ends) == (1, 0)  # what all share is still in use
        gate.set()
        for _ in range(100):
            await asyncio.sleep(0.01)
            if bench.ends:
                break
        assert (len(bench.closed), bench.ends) == (2, 1)

    asyncio.run(check())


def test_a_pool_that_was_never_used_still_closes_its_workshop() -> None:
    bench = Bench()
    asyncio.run(pool_of(bench).aclose())
    assert (bench.opened, bench.ends) == (["pool-1"], 1)


def test_a_pool_serves_one_loop_after_another() -> None:
    pool = pool_of(Bench(), threads=1)
    gate = threading.Event()

    async def leave_one_behind() -> None:
        with pytest.raises(KeyManagerError, match="timed out"):
            await pool.submit(deadline_in(0.02), wait_for, gate)

    async def use() -> None:
        gate.set()
        assert await pool.submit(NO_DEADLINE, add, 1, 1) == 2

    asyncio.run(leave_one_behind())
    asyncio.run(use())
    asyncio.run(pool.aclose())


def test_ten_thousand_calls_each_get_their_own_result() -> None:
    async def check() -> None:
        pool = pool_of(Bench(), threads=4, queue_length=1000)

        async def caller(number: int) -> None:
            for turn in range(100):
                assert await pool.submit(deadline_in(30), add, number, turn) == number + turn

        await asyncio.gather(*map(caller, range(100)))
        assert pool.counts()[1:] == (0, 0, 0, 0, 0)
        await pool.aclose()

    asyncio.run(check())
