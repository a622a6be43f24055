"""Keep a key manager to the request's deadline, also one that forgets its own.

A manager that answers at once costs nothing here: no task, no future, no timer. Only where it waits does a task take
over, and a timer is set.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

from hyok.clock import Deadline, remaining_seconds
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
    task = asyncio.get_running_loop().create_task(Begun(work, step))
    try:
        await asyncio.wait((task,), timeout=max(0.0, remaining_seconds(deadline)))
    finally:
        # Also where the caller has gone and this very wait was cancelled.
        is_late = not task.done()
        if is_late:
            task.add_done_callback(_forget)
            task.cancel()
    if is_late:
        raise KeyManagerError(KeyManagerFailure.TIMED_OUT, "no answer by the request's deadline")
    if task.cancelled():
        raise KeyManagerError(KeyManagerFailure.UNAVAILABLE, "the key manager cancelled its own call")
    return task.result()


def _forget(task: asyncio.Task[T]) -> None:
    # Asking for the error is what keeps asyncio from reporting that nobody did.
    if not task.cancelled():
        task.exception()
