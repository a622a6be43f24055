"""The loop's side of a pool of threads: jobs that somebody waits for, and where their results arrive.

Results travel back in batches: a thread leaves its result in a list and wakes the loop only if nobody has yet, and
while there is more to do only once in a while. One timer stands for all deadlines. All but `deliver` belongs to the
loop's thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from hyok.clock import NO_DEADLINE, Deadline
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure


class Job:
    """Work for a thread, and the future of whoever waits for it."""

    __slots__ = ("arguments", "deadline", "desk", "future", "work")

    def __init__(
        self,
        desk: Desk,
        future: asyncio.Future[Any],  # any result: the desk only carries it
        deadline: Deadline,
        work: Callable[..., object],
        arguments: tuple[object, ...],
    ) -> None:
        self.desk = desk
        self.future = future
        self.deadline = deadline
        self.work = work
        self.arguments = arguments


Delivery = tuple[Job, object, BaseException | None]
BATCH_SECONDS: Final = 0.001
"""How long a result waits for others. On one core each wake-up costs two changes of threads."""


class Desk:
    """Where the results of one loop's jobs arrive."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.unfinished = 0
        """Jobs that wait or run, whether or not somebody still waits for them."""
        self.late = 0
        """Jobs that came back when nobody waited any more."""
        self._waited_for: set[Job] = set()
        self._arrived: deque[Delivery] = deque()
        self._first_at = 0.0
        self._is_woken = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at: float = NO_DEADLINE

    def expect(self, job: Job) -> None:
        """Note a job that is about to be handed to a thread."""
        self.unfinished += 1
        self._waited_for.add(job)
        if job.deadline < self._timer_at:
            self._set_timer(job.deadline)

    def deliver(self, delivery: Delivery, now: float, *, is_one_of_many: bool = False) -> None:
        """Bring a result, from any thread. One of many may be kept until the next comes, or until `hand_over`."""
        if not self._arrived:
            self._first_at = now
        self._arrived.append(delivery)
        # Looking after adding is what makes it sure that the loop sees it.
        if self._is_woken or (is_one_of_many and now - self._first_at < BATCH_SECONDS):
            return
        self._is_woken = True
        with contextlib.suppress(RuntimeError):  # the loop is closed, and with it whoever waited
            self.loop.call_soon_threadsafe(self.hand_over)

    def hand_over(self) -> None:
        """Give everybody what has arrived."""
        self._is_woken = False
        arrived = self._arrived
        while arrived:
            job, result, error = arrived.popleft()
            self.unfinished -= 1
            self._waited_for.discard(job)
            future = job.future
            if future.done():
                self.late += 1
            elif error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

    def _set_timer(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = self.loop.call_later(max(0.0, at - time.monotonic()), self._let_go_of_late_ones)

    def _let_go_of_late_ones(self) -> None:
        # The timer is for the earliest deadline that was ever seen; most often that job has long returned, and this
        # only looks for the next one: some four times a second, not once a call.
        self._timer = None
        self._timer_at = NO_DEADLINE
        now = time.monotonic()
        for job in [job for job in self._waited_for if job.deadline <= now or job.future.done()]:
            self._waited_for.discard(job)
            if not job.future.done():
                job.future.set_exception(
                    KeyManagerError(KeyManagerFailure.TIMED_OUT, "no answer by the request's deadline")
                )
        earliest = min((job.deadline for job in self._waited_for), default=NO_DEADLINE)
        if earliest != NO_DEADLINE:
            self._set_timer(earliest)
