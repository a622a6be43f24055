"""A coroutine begun without a task and carried on in one behaves as if it had been a task from its start."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest
import uvloop

from hyok.transport.steps import Begun

T = TypeVar("T")


def begin(coroutine: Coroutine[Any, None, T]) -> asyncio.Task[T]:
    """Run the first step outside any task, as the server does, and the rest in a task."""
    waiting_for = coroutine.send(None)
    return asyncio.get_running_loop().create_task(Begun(coroutine, waiting_for))


def run_outside_a_task(start: Callable[[], None], loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """Call `start` from the loop itself, then give what it began some turns."""

    async def main() -> None:
        asyncio.get_running_loop().call_soon(start)
        for _ in range(20):
            await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def loop_factory(request: pytest.FixtureRequest) -> Callable[[], asyncio.AbstractEventLoop]:
    return request.param  # type: ignore[no-any-return]  # pytest types a parameter as Any


class Observed:
    """What a coroutine under test went through."""

    def __init__(self) -> None:
        self.events: list[object] = []
        self.task: asyncio.Task[object] | None = None

    @property
    def outcome(self) -> object:
        assert self.task is not None
        assert self.task.done()
        if self.task.cancelled():
            return "cancelled"
        return self.task.exception() or self.task.result()


def test_the_result_of_a_future_reaches_the_coroutine_and_its_result_the_task(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    seen = Observed()

    def start() -> None:
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def work() -> object:
            first = await future
            second = await asyncio.sleep(0, result=2)
            return first + second

        seen.task = begin(work())
        asyncio.get_running_loop().call_soon(future.set_result, 40)

    run_outside_a_task(start, loop_factory)
    assert seen.outcome == 42


def test_a_future_that_is_done_before_the_task_starts_is_not_missed(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    seen = Observed()

    def start() -> None:
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def work() -> object:
            return await future

        seen.task = begin(work())
        future.set_result("early")

    run_outside_a_task(start, loop_factory)
    assert seen.outcome == "early"


def test_a_bare_pass_of_the_turn_is_carried_on(loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    seen = Observed()

    def start() -> None:
        async def work() -> object:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            return "done"

        seen.task = begin(work())

    run_outside_a_task(start, loop_factory)
    assert seen.outcome == "done"


def test_the_exception_of_a_future_is_raised_where_the_coroutine_waits(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    seen = Observed()

    def start() -> None:
        loop = asyncio.get_running_loop()
        first: asyncio.Future[int] = loop.create_future()
        second: asyncio.Future[int] = loop.create_future()

        async def work() -> object:
            try:
                await first
            except KeyError:
                seen.events.append("caught the first")
            return await second

        seen.task = begin(work())
        first.set_exception(KeyError("first"))
        loop.call_soon(second.set_exception, LookupError("second"))

    run_outside_a_task(start, loop_factory)
    assert seen.events == ["caught the first"]
    assert isinstance(seen.outcome, LookupError)


def test_an_exception_of_the_coroutine_ends_the_task(loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    seen = Observed()

    def start() -> None:
        async def work() -> object:
            await asyncio.sleep(0)
            raise ZeroDivisionError

        seen.task = begin(work())

    run_outside_a_task(start, loop_factory)
    assert isinstance(seen.outcome, ZeroDivisionError)


def test_cancellation_is_raised_where_the_coroutine_waits(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    seen = Observed()

    def start() -> None:
        loop = asyncio.get_running_loop()
        never: asyncio.Future[int] = loop.create_future()

        async def work() -> object:
            try:
                return await never
            finally:
                seen.events.append("cleaned up")

        seen.task = task = begin(work())
        loop.call_soon(lambda: loop.call_soon(task.cancel))

    run_outside_a_task(start, loop_factory)
    assert seen.events == ["cleaned up"]
    assert seen.outcome == "cancelled"


def test_cancellation_before_the_tasks_first_step_still_cleans_up(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    seen = Observed()

    def start() -> None:
        never: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def work() -> object:
            try:
                return await never
            finally:
                seen.events.append("cleaned up")

        seen.task = begin(work())
        seen.task.cancel()

    run_outside_a_task(start, loop_factory)
    assert seen.events == ["cleaned up"]
    assert seen.outcome == "cancelled"


def test_a_coroutine_may_wait_again_while_it_is_cancelled(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    seen = Observed()

    def start() -> None:
        loop = asyncio.get_running_loop()
        never: asyncio.Future[int] = loop.create_future()

        async def work() -> object:
            try:
                await never
            except asyncio.CancelledError:
                await asyncio.sleep(0)
                seen.events.append("took its leave")
                raise
            return "not reached"

        seen.task = task = begin(work())
        loop.call_soon(lambda: loop.call_soon(task.cancel))

    run_outside_a_task(start, loop_factory)
    assert seen.events == ["took its leave"]
    assert seen.outcome == "cancelled"


def test_timeouts_that_need_a_task_work_after_the_first_wait(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    seen = Observed()

    def start() -> None:
        async def work() -> object:
            seen.events.append(asyncio.current_task())
            await asyncio.sleep(0)
            async with asyncio.timeout(0):
                await asyncio.get_running_loop().create_future()
            return "not reached"

        seen.task = begin(work())

    run_outside_a_task(start, loop_factory)
    assert seen.events == [None]
    assert isinstance(seen.outcome, TimeoutError)


def test_a_task_that_is_thrown_away_closes_the_coroutine() -> None:
    events: list[str] = []

    class Never:
        def __await__(self) -> Any:
            yield self

    async def work() -> None:
        try:
            await Never()
        finally:
            events.append("closed")

    coroutine = work()
    rest = Begun(coroutine, coroutine.send(None))
    rest.send(None)
    rest.close()
    assert events == ["closed"]
