from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest

from hyok.clock import Deadline, deadline_in
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.tasks import OwnTasks
from hyok.keymanagers.transit.batches import Batches, BatchLimits


class Server:
    """Answers batches when told to, and remembers them."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, list[int]]] = []
        self.deadlines: list[Deadline] = []
        self.may_answer = asyncio.Event()
        self.failure: Exception | None = None

    async def send(self, key: str, items: Sequence[int], deadline: Deadline) -> list[int | KeyManagerError]:
        self.batches.append((key, list(items)))
        self.deadlines.append(deadline)
        await self.may_answer.wait()
        if self.failure is not None:
            raise self.failure
        return [_result(item) for item in items]


def _result(item: int) -> int | KeyManagerError:
    return item * 10 if item >= 0 else KeyManagerError(KeyManagerFailure.CIPHERTEXT_REJECTED)


class Bench:
    def __init__(self, **limits: int) -> None:
        self.server = Server()
        self.tasks = OwnTasks()
        self.batches: Batches[int, int] = Batches(self.server.send, self.tasks, BatchLimits(**limits))

    def ask(self, item: int, *, key: str = "k", seconds: float = 5, item_bytes: int = 1) -> asyncio.Task[int]:
        work = self.batches.result(key, item, item_bytes=item_bytes, deadline=deadline_in(seconds))
        return asyncio.get_running_loop().create_task(work)


async def _turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def test_what_comes_in_one_turn_leaves_in_one_request_without_waiting() -> None:
    async def check() -> None:
        bench = Bench()
        asked = [bench.ask(number) for number in range(5)]
        await _turns()
        assert bench.server.batches == [("k", [0, 1, 2, 3, 4])]
        bench.server.may_answer.set()
        assert await asyncio.gather(*asked) == [0, 10, 20, 30, 40]

    run(check())


def test_what_comes_while_all_requests_are_under_way_gathers_and_leaves_with_the_next() -> None:
    async def check() -> None:
        bench = Bench(requests_per_key=2)
        asked = []
        for number in range(6):
            asked.append(bench.ask(number))
            await _turns()
        assert bench.server.batches == [("k", [0]), ("k", [1])]
        bench.server.may_answer.set()
        assert await asyncio.gather(*asked) == [0, 10, 20, 30, 40, 50]
        assert bench.server.batches[2:] == [("k", [2, 3, 4, 5])]

    run(check())


def test_keys_do_not_wait_for_one_another() -> None:
    async def check() -> None:
        bench = Bench(requests_per_key=1)
        asked = [bench.ask(number, key=f"key {number}") for number in range(3)]
        await _turns()
        assert bench.server.batches == [("key 0", [0]), ("key 1", [1]), ("key 2", [2])]
        bench.server.may_answer.set()
        await asyncio.gather(*asked)

    run(check())


def test_a_request_is_bounded_in_items_and_bytes() -> None:
    async def check() -> None:
        bench = Bench(items=3, request_bytes=100, requests_per_key=10)
        bench.server.may_answer.set()
        await asyncio.gather(*(bench.ask(number) for number in range(7)))
        assert [items for _, items in bench.server.batches] == [[0, 1, 2], [3, 4, 5], [6]]
        bench.server.batches.clear()
        sizes = [60, 40, 1, 500, 30]
        await asyncio.gather(*(bench.ask(size, item_bytes=size) for size in sizes))
        assert [items for _, items in bench.server.batches] == [[60, 40], [1], [500], [30]]

    run(check())


def test_an_items_error_is_that_items_error() -> None:
    async def check() -> None:
        bench = Bench()
        bench.server.may_answer.set()
        outcomes = await asyncio.gather(*(bench.ask(number) for number in (1, -1, 2)), return_exceptions=True)
        assert outcomes[0] == 10
        assert isinstance(outcomes[1], KeyManagerError)
        assert outcomes[2] == 20

    run(check())


@pytest.mark.parametrize("failure", [KeyManagerError(KeyManagerFailure.UNAVAILABLE), RuntimeError("a defect")])
def test_a_request_that_fails_as_a_whole_fails_all_its_items_and_no_later_ones(
    failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async def check() -> None:
        bench = Bench(requests_per_key=1)
        bench.server.failure = failure
        bench.server.may_answer.set()
        for outcome in await asyncio.gather(*(bench.ask(number) for number in range(3)), return_exceptions=True):
            assert isinstance(outcome, KeyManagerError)
            assert outcome.failure is KeyManagerFailure.UNAVAILABLE
        assert ("a task failed: RuntimeError" in caplog.text) == isinstance(failure, RuntimeError)
        bench.server.failure = None
        assert await bench.ask(4) == 40

    run(check())


def test_each_item_is_timed_out_at_its_own_deadline_and_the_request_lives_as_long_as_the_longest() -> None:
    async def check() -> None:
        bench = Bench()
        hasty, patient = bench.ask(1, seconds=0.05), bench.ask(2, seconds=5)
        with pytest.raises(KeyManagerError) as raised:
            await hasty
        assert raised.value.failure is KeyManagerFailure.TIMED_OUT
        assert not patient.done()
        assert bench.server.deadlines[0] - asyncio.get_running_loop().time() > 4
        bench.server.may_answer.set()
        assert await patient == 20

    run(check())


def test_what_nobody_waits_for_any_more_is_not_sent() -> None:
    async def check() -> None:
        bench = Bench(requests_per_key=1)
        first, late, gone, kept = bench.ask(1), bench.ask(2, seconds=0.02), bench.ask(3), bench.ask(4)
        await _turns(1)
        late_too, gone_too, kept_too = bench.ask(5, seconds=0.02), bench.ask(6), bench.ask(7)
        await _turns()
        gone_too.cancel()
        gone.cancel()
        await asyncio.gather(late, late_too, return_exceptions=True)
        bench.server.may_answer.set()
        assert list(await asyncio.gather(first, kept, kept_too)) == [10, 40, 70]
        assert bench.server.batches[1:] == [("k", [7])]

    run(check())


def test_more_than_may_wait_is_overloaded_at_once_and_room_comes_back() -> None:
    async def check() -> None:
        bench = Bench(requests_per_key=1, waiting_items=3)
        asked = [bench.ask(0)]
        await _turns()
        asked += [bench.ask(number) for number in (1, 2, 3)]
        await _turns()
        with pytest.raises(KeyManagerError) as raised:
            await bench.ask(4)
        assert raised.value.failure is KeyManagerFailure.OVERLOADED
        bench.server.may_answer.set()
        assert await asyncio.gather(*asked) == [0, 10, 20, 30]
        assert await bench.ask(5) == 50

    run(check())


def test_nothing_is_kept_of_a_key_that_is_idle() -> None:
    async def check() -> None:
        bench = Bench()
        bench.server.may_answer.set()
        await asyncio.gather(*(bench.ask(number, key=f"key {number}") for number in range(100)))
        await _turns()
        assert not bench.batches._queues  # what would grow with each key ever used

    run(check())


def test_closing_fails_what_waits_and_what_is_under_way() -> None:
    async def check() -> None:
        bench = Bench(requests_per_key=1)
        asked = [bench.ask(0)]
        await _turns()
        asked.append(bench.ask(1))
        await _turns()
        bench.batches.close()
        await bench.tasks.aclose()
        for outcome in await asyncio.gather(*asked, return_exceptions=True):
            assert isinstance(outcome, KeyManagerError)
            assert outcome.failure is KeyManagerFailure.UNAVAILABLE
        assert bench.server.batches == [("k", [0])]

    run(check())
