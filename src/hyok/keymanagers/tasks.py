"""Tasks that a key manager owns, and waiting for them without being in one."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Generic, TypeVar

from hyok.clock import NO_DEADLINE, Deadline, remaining_seconds
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure

T = TypeVar("T")
_log = logging.getLogger(__name__)


class OwnTasks:
    """The tasks of one key manager, which end with it."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run work in a task of its own. Needs a running loop."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._end)
        return task

    async def aclose(self) -> None:
        """Cancel all tasks and wait for their ends."""
        running = tuple(self._running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.gather(*running, return_exceptions=True)

    def _end(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if task.cancelled():
            return
        # Those who wait for a failure have it; a defect may have nobody who waits for it.
        error = task.exception()
        if error is not None and not isinstance(error, KeyManagerError):
            place = traceback.extract_tb(error.__traceback__)[-1]  # no more: a message can hold values
            _log.error("a task failed: %s at %s:%d", type(error).__name__, place.filename, place.lineno)


async def result_by(deadline: Deadline, task: asyncio.Task[T]) -> T:
    """Return the result of a task that others may wait for too; it goes on when this wait ends.

    KeyManagerError TIMED_OUT at the deadline, UNAVAILABLE if the task was cancelled. Runs outside a task as well.
    """
    future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    hand_over = partial(_hand_over, future)
    task.add_done_callback(hand_over)
    timer = fail_at(deadline, future)
    try:
        return await future
    finally:
        task.remove_done_callback(hand_over)
        if timer is not None:
            timer.cancel()
        # An error that comes out of the future takes hold of this frame, which must not have hold of the future then.
        del future, hand_over


def _hand_over(future: asyncio.Future[T], ended: asyncio.Task[T]) -> None:
    if future.done():
        return
    if ended.cancelled():
        future.set_exception(KeyManagerError(KeyManagerFailure.UNAVAILABLE, "the key manager was closed"))
    elif (error := ended.exception()) is not None:
        future.set_exception(error)
    else:
        future.set_result(ended.result())


class SharedWork(Generic[T]):
    """Work that is under way at most once, for everybody who wants its result meanwhile."""

    def __init__(self, tasks: OwnTasks, work: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._tasks = tasks
        self._work = work
        self._under_way: asyncio.Task[T] | None = None

    async def result(self, deadline: Deadline) -> T:
        """Return the result, of work begun now if none is under way. KeyManagerError. Runs outside a task as well."""
        return await result_by(deadline, self.begin())

    def begin(self) -> asyncio.Task[T]:
        """Begin the work unless it is under way."""
        if self._under_way is None or self._under_way.done():
            self._under_way = self._tasks.spawn(self._work())
        return self._under_way


def fail_at(deadline: Deadline, future: asyncio.Future[T]) -> asyncio.TimerHandle | None:
    """Let a future fail as TIMED_OUT at the deadline, unless it is done before; None if there is no deadline."""
    if deadline == NO_DEADLINE:
        return None
    return future.get_loop().call_later(max(0.0, remaining_seconds(deadline)), _time_out, future)


def _time_out(future: asyncio.Future[T]) -> None:
    if not future.done():
        future.set_exception(KeyManagerError(KeyManagerFailure.TIMED_OUT, "no answer by the deadline"))
