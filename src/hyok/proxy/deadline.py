"""Keep a key manager to the request's deadline, also one that forgets its own.

A manager that answers at once costs nothing here: no task, no future, no timer. One that waits costs a future for each
wait and one timer: the work is driven within the caller's own task, and only work that is late gets one of its own, to
be cancelled in. A task for each request would cost as much as half of its answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

from hyok.clock import NO_DEADLINE, Deadline, remaining_seconds
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.transport.steps import Begun

T = TypeVar("T")


async def finish_by(deadline: Deadline, work: Coroutine[object, None, T]) -> T:
    """Run `work` and return its result; KeyManagerError TIMED_OUT once the deadline has passed while it waits.

    Work that is too late is cancelled and, if it pays no heed to that, left to itself: nobody waits for it.
    """
    try:
        step = work.send(None)
    except StopIteration as finished:
        result: T = finished.value
        return result
    alarm = _Alarm(asyncio.get_running_loop(), deadline)
    rest = _carry_on(work, step, alarm)
    # An error comes out of what is waited for, and on its way takes hold of each frame. One that still had hold of the
    # future would close a circle, and each refusal would be work for the garbage collector.
    del step
    try:
        return await rest
    finally:
        alarm.cancel()


async def _carry_on(work: Coroutine[object, None, T], step: object, alarm: _Alarm) -> T:
    is_cancelled = False
    while True:
        cancellation: asyncio.CancelledError | None = None
        try:
            if await alarm.is_late(step):
                _leave_to_itself(work, step)
                raise KeyManagerError(KeyManagerFailure.TIMED_OUT, "no answer by the request's deadline")
        except asyncio.CancelledError as error:
            # The caller has gone, or a timeout of the work's own has gone off. As in any await, the work hears of it
            # through what it waits for, or else at once.
            is_cancelled = True
            if isinstance(step, asyncio.Future) and step.cancel():
                continue
            cancellation = error
        step = None  # see above
        try:
            step = work.send(None) if cancellation is None else work.throw(cancellation)
        except StopIteration as finished:
            result: T = finished.value
            return result
        except asyncio.CancelledError as error:
            if is_cancelled:
                raise
            raise KeyManagerError(KeyManagerFailure.UNAVAILABLE, "the key manager cancelled its own call") from error


class _Alarm:
    """Waits for what the work waits for, and for the deadline."""

    __slots__ = ("_has_rung", "_loop", "_timer", "_waiter")

    def __init__(self, loop: asyncio.AbstractEventLoop, deadline: Deadline) -> None:
        self._loop = loop
        self._waiter: asyncio.Future[None] | None = None
        self._has_rung = False
        self._timer = (
            loop.call_later(max(0.0, remaining_seconds(deadline)), self._ring) if deadline != NO_DEADLINE else None
        )

    async def is_late(self, step: object) -> bool:
        """Wait until the work may go on. True if the deadline has passed before that."""
        if not isinstance(step, asyncio.Future):
            await asyncio.sleep(0)  # a bare yield: the loop was to go round once
            return self._has_rung
        if not step.done() and not self._has_rung:
            self._waiter = waiter = self._loop.create_future()
            step.add_done_callback(self._wake)
            try:
                await waiter
            finally:
                if not step.done():
                    step.remove_done_callback(self._wake)
        return not step.done()

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _ring(self) -> None:
        self._has_rung = True
        self._wake()

    def _wake(self, _: object = None) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _leave_to_itself(work: Coroutine[object, None, T], step: object) -> None:
    task = asyncio.get_running_loop().create_task(Begun(work, step))
    task.add_done_callback(_forget)
    task.cancel()


def _forget(task: asyncio.Task[T]) -> None:
    # Asking for the error is what keeps asyncio from reporting that nobody did.
    if not task.cancelled():
        task.exception()
