"""Work that waits is held to its deadline."""

from __future__ import annotations

import asyncio
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
