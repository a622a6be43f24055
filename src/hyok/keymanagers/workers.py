"""Threads for libraries that block: a named, bounded pool for each key manager.

A caller awaits a plain future, which fails with TIMED_OUT at the caller's deadline. The call itself cannot be stopped:
it keeps its thread, and what the thread owns (an HSM session), until it returns, and is counted meanwhile. When all
threads are taken and the queue is full, a new call is OVERLOADED at once.

Results travel back in batches: a thread leaves its result in a list and wakes the loop only if nobody has yet. That,
and one timer for all deadlines instead of one each, is what makes a call cost 5 us here and not the 150 us of
`run_in_executor`.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar, TypeVarTuple

from hyok.clock import NO_DEADLINE, Deadline
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure

CLOSING_SECONDS: Final = 2.0
"""How long closing waits for calls that have not returned."""

S = TypeVar("S")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Workshop(Protocol[S]):
    """What the threads of a pool work with. Each has a seat of its own, such as an HSM session."""

    def open_seat(self) -> S:
        """Make what one thread owns; called in that thread, must not fail."""
        ...

    def close_seat(self, seat: S) -> None:
        """Let go of it; called in that thread when the pool closes."""
        ...

    def close(self) -> None:
        """Let go of what all share; called by the last thread to end."""
        ...


class WorkerCounts(NamedTuple):
    """How a pool is doing."""

    threads: int
    """Threads that were started; they are as many as were ever needed at one time."""
    running: int
    queued: int
    abandoned: int
    """Calls that still run although their caller timed out or was cancelled."""
    late: int
    """Calls, since the start, that returned after their caller had gone."""
    overloaded: int
    """Calls, since the start, that were turned away."""


class WorkerPool(Generic[S]):
    """At most `threads` calls at a time, at most `queue_length` waiting. Used from one event loop at a time."""

    def __init__(self, name: str, workshop: Workshop[S], *, threads: int, queue_length: int) -> None:
        self._name = name
        self._workshop = workshop
        self._max_threads = threads
        self._max_unfinished = threads + queue_length
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._workers: list[_Worker[S]] = []
        self._alive = 0
        self._lock = threading.Lock()
        self._desk: _Desk | None = None
        self._is_closed = False
        self._ended: asyncio.Future[None] | None = None
        self._overloaded = 0

    def submit(self, deadline: Deadline, work: Callable[[S, *Ts], T], *arguments: *Ts) -> asyncio.Future[T]:
        """Have `work(seat, *arguments)` done by a thread and return its result's future.

        KeyManagerError OVERLOADED at once if the queue is full, UNAVAILABLE if the pool is closed. The future fails
        with TIMED_OUT at the deadline, or with what the work raised.
        """
        loop = asyncio.get_running_loop()
        desk = self._desk
        if desk is None or desk.loop is not loop:
            desk = self._desk = _Desk(loop)
        if self._is_closed:
            raise KeyManagerError(KeyManagerFailure.UNAVAILABLE, f"{self._name} is closed")
        if desk.unfinished >= self._max_unfinished:
            self._overloaded += 1
            raise KeyManagerError(
                KeyManagerFailure.OVERLOADED,
                f"{self._name} has {desk.unfinished} calls under way or waiting, as many as it takes",
            )
        if desk.unfinished >= len(self._workers) < self._max_threads:
            self._start_thread()
        future: asyncio.Future[T] = loop.create_future()
        job = _Job(desk, future, deadline, work, arguments)
        desk.expect(job)
        self._queue.put(job)
        return future

    def counts(self) -> WorkerCounts:
        """Count what runs, waits and has gone wrong."""
        jobs = [job for worker in self._workers if (job := worker.job) is not None]
        return WorkerCounts(
            threads=len(self._workers),
            running=len(jobs),
            queued=self._queue.qsize(),
            abandoned=sum(job.future.done() for job in jobs),
            late=self._desk.late if self._desk is not None else 0,
            overloaded=self._overloaded,
        )

    async def aclose(self) -> None:
        """Refuse what waits, wait a moment for what runs, and have the threads let go of all they own.

        A call that hangs for longer keeps its thread, which ends with the process.
        """
        if self._is_closed:
            return
        self._is_closed = True
        self._ended = asyncio.get_running_loop().create_future()
        if not self._workers:
            self._start_thread()  # to close the workshop, which may block too
        for _ in self._workers:
            self._queue.put(None)
        await asyncio.wait((self._ended,), timeout=CLOSING_SECONDS)

    def _start_thread(self) -> None:
        worker: _Worker[S] = _Worker()
        name = f"{self._name}-{len(self._workers) + 1}"
        thread = threading.Thread(target=self._run, args=(worker,), name=name, daemon=True)
        with self._lock:
            self._alive += 1
        try:
            thread.start()
        except RuntimeError as error:  # the system has no thread left
            with self._lock:
                self._alive -= 1
            if not self._workers:
                raise KeyManagerError(KeyManagerFailure.UNAVAILABLE, f"{self._name} gets no thread") from error
        else:
            self._workers.append(worker)

    def _run(self, worker: _Worker[S]) -> None:
        seat = self._workshop.open_seat()
        take = self._queue.get
        while (job := take()) is not None:
            if job.future.done():
                job.desk.deliver((job, None, None))  # nobody waits for it any more
                continue
            worker.job = job
            result = error = None
            try:
                if self._is_closed:
                    raise KeyManagerError(KeyManagerFailure.UNAVAILABLE, f"{self._name} is closed")
                result = job.work(seat, *job.arguments)
            except BaseException as raised:  # noqa: BLE001  # whatever it is, it is the caller's
                error = raised
            worker.job = None
            job.desk.deliver((job, result, error))
            # Else this thread would keep a request's plaintext alive until the next one comes.
            del job, result, error
        self._workshop.close_seat(seat)
        with self._lock:
            self._alive -= 1
            is_last = not self._alive
        if is_last:
            self._workshop.close()
            self._report_end()

    def _report_end(self) -> None:
        if self._ended is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: closing took longer than it was waited for
                self._ended.get_loop().call_soon_threadsafe(_settle, self._ended)


class _Worker(Generic[S]):
    __slots__ = ("job",)

    def __init__(self) -> None:
        self.job: _Job | None = None


class _Job:
    __slots__ = ("arguments", "deadline", "desk", "future", "work")

    def __init__(
        self,
        desk: _Desk,
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


_Delivery = tuple[_Job, object, BaseException | None]


class _Desk:
    """Where results arrive on the loop's side; all but `deliver` belongs to the loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.unfinished = 0
        """Jobs that wait or run, whether or not somebody still waits for them."""
        self.late = 0
        self._waited_for: set[_Job] = set()
        self._arrived: deque[_Delivery] = deque()
        self._is_woken = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at: float = NO_DEADLINE

    def expect(self, job: _Job) -> None:
        self.unfinished += 1
        self._waited_for.add(job)
        if job.deadline < self._timer_at:
            self._set_timer(job.deadline)

    def deliver(self, delivery: _Delivery) -> None:
        """Called by the threads. Looking at the flag after adding is what makes it sure that the loop sees it."""
        self._arrived.append(delivery)
        if not self._is_woken:
            self._is_woken = True
            with contextlib.suppress(RuntimeError):  # the loop is closed, and with it whoever waited
                self.loop.call_soon_threadsafe(self._hand_over)

    def _hand_over(self) -> None:
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


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
