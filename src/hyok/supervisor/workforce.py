"""The workers that there are: started, stopped, and killed where they do not do as they should."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import NamedTuple

from hyok.supervisor.launcher import Generation
from hyok.supervisor.messages import FromParent, FromWorker, Stop
from hyok.supervisor.restarts import RestartTimes
from hyok.supervisor.worker_process import WorkerProcess, WorkerState

_log = logging.getLogger("hyok")


class Times(NamedTuple):
    """How patient a parent is. In seconds."""

    tick: float = 0.5
    start: float = 120.0
    """For a worker to serve. A million keys take less than ten seconds."""
    hang: float = 15.0
    """Without a beat: the worker's loop stands still, and so do all its connections."""
    stop: float = 10.0
    """For a worker to drain, which by itself it does in less."""
    restarts: RestartTimes = RestartTimes()


class Said(NamedTuple):
    """What a worker tells."""

    worker: WorkerProcess
    message: FromWorker


class Ended(NamedTuple):
    """A worker's end, in words."""

    worker: WorkerProcess
    how: str


class Workforce:
    """All workers, each with the generation that it is of."""

    def __init__(
        self,
        launch: Callable[[Generation], Awaitable[WorkerProcess]],
        *,
        note: Callable[[Said | Ended], None],
        times: Times,
    ) -> None:
        """`note` is told what workers say, and of their end."""
        self._launch = launch
        self._note = note
        self._times = times
        self._generations: dict[WorkerProcess, Generation] = {}
        self._looked_at = time.monotonic()

    def __iter__(self) -> Iterator[WorkerProcess]:
        return iter(self._generations)

    def __len__(self) -> int:
        return len(self._generations)

    def generation_of(self, worker: WorkerProcess) -> Generation:
        """Return what a worker was started with."""
        return self._generations[worker]

    def serving(self) -> list[WorkerProcess]:
        """Return those that serve."""
        return [worker for worker in self._generations if worker.state is WorkerState.SERVING]

    def make_room(self, target: Generation) -> int:
        """Stop one worker of another generation for each of `target` that serves; returns how many `target` has."""
        alive = {worker: its for worker, its in self._generations.items() if worker.state is not WorkerState.STOPPING}
        ours = [worker for worker, its in alive.items() if its is target]
        others = [worker for worker, its in alive.items() if its is not target]
        serving = [worker for worker in ours if worker.state is WorkerState.SERVING]
        for worker in others[: max(0, len(serving) + len(others) - target.workers)]:
            self.stop(worker)
        return len(ours)

    async def start(self, generation: Generation, group: asyncio.TaskGroup) -> None:
        """Start a worker, which a task of the group listens to until it ends. OSError if the system refuses."""
        worker = await self._launch(generation)
        self._generations[worker] = generation
        group.create_task(self._listen(worker))

    async def _listen(self, worker: WorkerProcess) -> None:
        while (message := await worker.receive()) is not None:
            self._note(Said(worker, message))
        self._note(Ended(worker, await worker.wait()))

    def tell(self, message: FromParent) -> None:
        """Tell all of them something."""
        for worker in self._generations:
            worker.send(message)

    def stop(self, worker: WorkerProcess) -> None:
        """Have a worker drain and end, unless it does already."""
        if worker.state is WorkerState.STOPPING:
            return
        if worker.state is WorkerState.STARTING:
            worker.kill()  # it serves nobody
        worker.send(Stop())
        self.note_stopping(worker)

    def note_stopping(self, worker: WorkerProcess) -> None:
        """Give a worker that stops its time."""
        worker.state = WorkerState.STOPPING
        worker.stop_by = time.monotonic() + self._times.stop

    def stop_all(self) -> None:
        """Have all of them drain and end."""
        for worker in self._generations:
            self.stop(worker)

    def kill_all(self) -> None:
        """End all of them now."""
        for worker in self._generations:
            worker.kill()

    def bury(self, worker: WorkerProcess) -> Generation:
        """Forget a worker that has ended; returns what it was started with."""
        return self._generations.pop(worker)

    async def aclose(self) -> None:
        """End all of them now, and wait until they have."""
        self.kill_all()
        await asyncio.gather(*(worker.wait() for worker in self._generations))

    def look_after(self) -> None:
        """Kill who has given no sign of life for too long, or does not come to an end."""
        now = time.monotonic()
        if now - self._looked_at > self._times.hang / 2:
            # It was this process that stood still: the beats of that time are still on their way.
            for worker in self._generations:
                worker.beat_at = now
        self._looked_at = now
        for worker in self._generations:
            if worker.state is WorkerState.SERVING and now - worker.beat_at > self._times.hang:
                worker.beat_at = now
                worker.reason = f"stood still for {self._times.hang:g} s and was killed"
                worker.kill()
            elif worker.state is WorkerState.STARTING and now - worker.started_at > self._times.start:
                worker.reason = f"did not serve within {self._times.start:g} s and was killed"
                worker.kill()
            elif worker.state is WorkerState.STOPPING and now > worker.stop_by:
                _log.warning("worker %d was killed: it did not stop within %g s", worker.pid, self._times.stop)
                worker.stop_by = float("inf")
                worker.kill()
