"""Threads for libraries that block: a named, bounded pool for each key manager.

A caller awaits a plain future, which fails with TIMED_OUT at the caller's deadline. The call itself cannot be stopped:
it keeps its thread, and what the thread owns (an HSM session), until it returns, and is counted meanwhile. When all
threads are taken and the queue is full, a new call is OVERLOADED at once.

How many threads work side by side follows the calls. Where they take milliseconds, in an HSM or on the way to it, every
call has a thread at once. Where they take microseconds, more than one thread only makes the interpreter's lock change
hands: one works off what waits, and others join it when the queue does not move. With batched results (`deliveries.py`)
a call costs some 5 us here and not the 150 us of `run_in_executor`.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final, Generic, NamedTuple, Protocol, TypeVar, TypeVarTuple

from hyok.clock import Deadline
from hyok.keymanagers.deliveries import Desk, Job
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure

CLOSING_SECONDS: Final = 2.0
"""How long closing waits for calls that have not returned."""
SHORT_SECONDS: Final = 0.0005
"""A call that takes no longer is not worth another thread."""
LONG_CALLS: Final = 8
"""So many calls one after the other that took longer make calls long. One alone may just have waited for the
interpreter's lock."""
STUCK_SECONDS: Final = 0.02
"""When no call has returned for so long, other threads take over what waits, however short calls were."""

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
        self._waiting: deque[Job] = deque()
        self._bell: SimpleQueue[None] = SimpleQueue()
        """One entry for each thread that is to stop resting."""
        self._workers: list[_Worker] = []
        self._resting = 0
        self._alive = 0
        self._lock = threading.Lock()
        """Guards the two numbers above."""
        self._long_calls = LONG_CALLS
        self._returned = 0
        """Changes whenever a call returns; no exact count, as all threads add to it."""
        self._is_watched = False
        self._is_calling = False
        self._desk: Desk | None = None
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
            desk = self._desk = Desk(loop)
        if self._is_closed:
            raise KeyManagerError(KeyManagerFailure.UNAVAILABLE, f"{self._name} is closed")
        if desk.unfinished >= self._max_unfinished:
            self._overloaded += 1
            raise KeyManagerError(
                KeyManagerFailure.OVERLOADED,
                f"{self._name} has {desk.unfinished} calls under way or waiting, as many as it takes",
            )
        if not self._workers:
            self._start_thread()
        future: asyncio.Future[T] = loop.create_future()
        job = Job(desk, future, deadline, work, arguments)
        desk.expect(job)
        self._waiting.append(job)
        if not self._is_calling:
            # At the end of this turn of the loop: a thread that wakes now could only wait for the interpreter's lock.
            self._is_calling = True
            loop.call_soon(self._call)
        if not self._is_watched:
            self._is_watched = True
            loop.call_later(STUCK_SECONDS, self._watch, desk, self._returned)
        return future

    def counts(self) -> WorkerCounts:
        """Count what runs, waits and has gone wrong."""
        jobs = [job for worker in self._workers if (job := worker.job) is not None]
        return WorkerCounts(
            threads=len(self._workers),
            running=len(jobs),
            queued=len(self._waiting),
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
            self._bell.put(None)
        await asyncio.wait((self._ended,), timeout=CLOSING_SECONDS)

    def _call(self) -> None:
        """Have threads take what was submitted in this turn of the loop."""
        self._is_calling = False
        if self._long_calls >= LONG_CALLS:
            for _ in range(len(self._waiting)):
                self._call_one()
        elif self._resting == len(self._workers):
            # A thread looks for jobs once more before it rests: if all rest now, none has seen these.
            self._call_one()

    def _call_one(self) -> None:
        """Have one more thread work, if there is one."""
        with self._lock:
            is_one_resting = self._resting > 0
            if is_one_resting:
                self._resting -= 1
        if is_one_resting:
            self._bell.put(None)
        elif len(self._workers) < self._max_threads:
            self._start_thread()

    def _watch(self, desk: Desk, returned: int) -> None:
        """Have a thread for each job that waits if no call has returned since last time, or calls have become long."""
        desk.hand_over()
        if not desk.unfinished:
            self._is_watched = False
            return
        if self._returned == returned or self._long_calls >= LONG_CALLS:
            for _ in range(len(self._waiting)):
                self._call_one()
        desk.loop.call_later(STUCK_SECONDS, self._watch, desk, self._returned)

    def _start_thread(self) -> None:
        worker = _Worker()
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

    def _run(self, worker: _Worker) -> None:
        seat = self._workshop.open_seat()
        while (job := self._take()) is not None:
            if job.future.done():
                job.desk.deliver((job, None, None), time.monotonic())  # nobody waits for it any more
                continue
            worker.job = job
            result = error = None
            began_at = time.monotonic()
            try:
                if self._is_closed:
                    raise KeyManagerError(KeyManagerFailure.UNAVAILABLE, f"{self._name} is closed")
                result = job.work(seat, *job.arguments)
            except BaseException as raised:  # noqa: BLE001  # whatever it is, it is the caller's
                error = raised
            worker.job = None
            self._returned += 1
            now = time.monotonic()
            if now - began_at > SHORT_SECONDS:
                self._long_calls += 1
            elif error is None or _is_of_a_call(error):
                self._long_calls = 0
            job.desk.deliver((job, result, error), now, is_one_of_many=bool(self._waiting))
            # Else this thread would keep a request's plaintext alive until the next one comes.
            del job, result, error
        self._workshop.close_seat(seat)
        with self._lock:
            self._alive -= 1
            is_last = not self._alive
        if is_last:
            self._workshop.close()
            self._report_end()

    def _take(self) -> Job | None:
        """Return the next job, resting until there is one; None when the pool is closed and nothing waits."""
        waiting = self._waiting
        while True:
            try:
                return waiting.popleft()
            except IndexError:
                pass
            if self._is_closed:
                return None
            with self._lock:
                if waiting:
                    continue
                self._resting += 1
            self._bell.get()

    def _report_end(self) -> None:
        if self._ended is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: closing took longer than it was waited for
                self._ended.get_loop().call_soon_threadsafe(_settle, self._ended)


def _is_of_a_call(error: BaseException) -> bool:
    """Tell whether a refusal took a call, and so tells how long calls take: a wrong tag, but not a disabled key."""
    return isinstance(error, KeyManagerError) and error.failure is KeyManagerFailure.CIPHERTEXT_REJECTED


class _Worker:
    __slots__ = ("job",)

    def __init__(self) -> None:
        self.job: Job | None = None


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
