"""Work that waits is held to its deadline."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time

import pytest

from hyok.clock import NO_DEADLINE, Deadline, deadline_in
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.proxy.deadline import finish_by


async def answer_at_once() -> str:
    return "done"


async def answer_after(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "done"


def test_work_that_never_waits_needs_no_loop_and_no_time() -> None:
    with pytest.raises(StopIteration) as finished:
        finish_by(Deadline(0.0), answer_at_once()).send(None)

    assert finished.value.value == "done"


@pytest.mark.parametrize("seconds", [0.0, 0.001])
def test_work_that_waits_is_carried_to_its_end(seconds: float) -> None:
    assert asyncio.run(finish_by(deadline_in(5), answer_after(seconds))) == "done"


def test_work_without_a_deadline_may_wait() -> None:
    assert asyncio.run(finish_by(NO_DEADLINE, answer_after(0.001))) == "done"


@pytest.mark.parametrize("waits", [False, True])
def test_an_error_of_the_work_is_passed_on(waits: bool) -> None:
    async def fail() -> None:
        if waits:
            await asyncio.sleep(0)
        raise KeyManagerError(KeyManagerFailure.OVERLOADED)

    with pytest.raises(KeyManagerError) as failed:
        asyncio.run(finish_by(deadline_in(5), fail()))

    assert failed.value.failure is KeyManagerFailure.OVERLOADED


def test_work_that_is_late_is_cancelled_and_times_out() -> None:
    was_cancelled = False

    async def linger() -> None:
        nonlocal was_cancelled
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            was_cancelled = True
            raise

    async def run() -> KeyManagerError:
        with pytest.raises(KeyManagerError) as failed:
            await finish_by(deadline_in(0.01), linger())
        await asyncio.sleep(0)
        assert was_cancelled  # here, and not only when the loop ends
        return failed.value

    assert asyncio.run(run()).failure is KeyManagerFailure.TIMED_OUT


@pytest.mark.parametrize("ends_in_error", [False, True])
def test_work_that_ignores_its_cancellation_does_not_keep_the_caller(ends_in_error: bool) -> None:
    async def ignore() -> None:
        for _ in range(2):
            try:
                await asyncio.sleep(0.05)
            except asyncio.CancelledError:
                continue
        if ends_in_error:
            raise ValueError("nobody hears this")

    async def run() -> float:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        began = time.monotonic()
        with pytest.raises(KeyManagerError):
            await finish_by(deadline_in(0.01), ignore())
        waited = time.monotonic() - began
        await asyncio.sleep(0.1)
        gc.collect()  # asyncio reports an error that nobody asked for when its task is collected
        return waited

    reported: list[dict[str, object]] = []
    assert asyncio.run(run()) < 0.045
    assert reported == []


def test_a_deadline_already_past_leaves_no_time_to_wait() -> None:
    with pytest.raises(KeyManagerError) as failed:
        asyncio.run(finish_by(Deadline(0.0), answer_after(60)))

    assert failed.value.failure is KeyManagerFailure.TIMED_OUT


def test_a_cancellation_from_within_is_a_failure_of_the_manager() -> None:
    async def give_up() -> None:
        await asyncio.sleep(0)
        raise asyncio.CancelledError

    with pytest.raises(KeyManagerError) as failed:
        asyncio.run(finish_by(deadline_in(5), give_up()))

    assert failed.value.failure is KeyManagerFailure.UNAVAILABLE


def test_a_caller_that_is_cancelled_takes_the_work_along() -> None:
    heard: list[str] = []

    async def linger() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            heard.append("cancelled")
            raise

    async def run() -> None:
        call = asyncio.create_task(finish_by(deadline_in(5), linger()))
        await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert heard == ["cancelled"]  # here, and not only when the loop ends

    asyncio.run(run())


def test_work_that_cleans_up_after_its_cancellation_is_waited_for_until_the_deadline() -> None:
    heard: list[str] = []

    async def clean_up() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            heard.append("clean")

    async def run() -> None:
        call = asyncio.create_task(finish_by(deadline_in(5), clean_up()))
        await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert heard == ["clean"]

    asyncio.run(run())


def test_work_may_have_timeouts_of_its_own_once_it_runs_in_a_task() -> None:
    async def give_up_soon() -> str:
        await asyncio.sleep(0)
        try:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(60)
        except TimeoutError:
            return "gave up"
        return "waited"

    assert asyncio.run(finish_by(deadline_in(5), give_up_soon())) == "gave up"


def test_work_waits_again_and_again_within_one_deadline() -> None:
    async def wait_often() -> None:
        for _ in range(1000):
            await asyncio.sleep(0.005)

    began = time.monotonic()
    with pytest.raises(KeyManagerError) as failed:
        asyncio.run(finish_by(deadline_in(0.05), wait_often()))

    assert failed.value.failure is KeyManagerFailure.TIMED_OUT
    assert 0.045 < time.monotonic() - began < 0.5


def test_work_that_needs_no_waiting_after_all_is_not_late() -> None:
    async def wait_for_what_is_there() -> str:
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        ready.set_result("there")
        await asyncio.sleep(0)
        return await ready

    assert asyncio.run(finish_by(deadline_in(5), wait_for_what_is_there())) == "there"


def test_an_error_that_was_waited_for_is_no_work_for_the_garbage_collector() -> None:
    def refusal() -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        error = KeyManagerError(KeyManagerFailure.CIPHERTEXT_REJECTED)
        asyncio.get_running_loop().call_soon(future.set_exception, error)
        return future

    async def refused() -> None:
        await refusal()

    async def main() -> int:
        gc.collect()
        gc.disable()
        for _ in range(50):
            with contextlib.suppress(KeyManagerError):
                await finish_by(deadline_in(5), refused())
        gc.enable()
        return gc.collect()

    assert asyncio.run(main()) < 50
