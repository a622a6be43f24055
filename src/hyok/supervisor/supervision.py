"""The parent's loop: so many workers serve, whatever happens to one; reload, drain, watchdog.

One event is dealt with at a time, and after each the workers that are there are compared with those that should be.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Final, NamedTuple

from hyok.assembly.proxy_endpoints import check_proxy_tls
from hyok.config.configuration import Configuration
from hyok.errors import HyokError, NotDoneError, OperatorError
from hyok.metrics.collection import Collection
from hyok.supervisor.certificates import REMINDER_SECONDS, is_expiring, report_expiry
from hyok.supervisor.changes import refuse_lasting_changes
from hyok.supervisor.launcher import Generation
from hyok.supervisor.messages import (
    BEAT_SECONDS,
    Beat,
    Failed,
    FromWorker,
    Ready,
    ReplaceTls,
    Report,
    Stop,
    Stopping,
    TlsKept,
)
from hyok.supervisor.restarts import RestartPolicy, RestartTimes
from hyok.supervisor.systemd import Notifier
from hyok.supervisor.worker_process import WorkerProcess, WorkerState

_FRESH_SECONDS: Final = 3 * BEAT_SECONDS
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


class Command(Enum):
    """What an operator, or a changed file, asks of the parent."""

    STOP = "stop"
    RELOAD = "reload"
    RENEW_TLS = "renew TLS"


class _Said(NamedTuple):
    worker: WorkerProcess
    message: FromWorker


class _Ended(NamedTuple):
    worker: WorkerProcess
    how: str


class Supervisor:
    """Keeps workers."""

    def __init__(
        self,
        generation: Generation,
        *,
        launch: Callable[[Generation], Awaitable[WorkerProcess]],
        reread: Callable[[], Configuration],
        announce: Callable[[], None],
        before_stop: Callable[[], None],
        notifier: Notifier,
        times: Times,
    ) -> None:
        """`reread` loads the configuration anew; `announce` is called once all workers serve."""
        self.generation = generation
        """What is in force."""
        self.collection = Collection()
        """What the workers report."""
        self._launch = launch
        self._reread = reread
        self._announce = announce
        self._before_stop = before_stop
        self._notifier = notifier
        self._times = times

        self._workers: dict[WorkerProcess, Generation] = {}
        self._events: asyncio.Queue[_Said | _Ended | Command] = asyncio.Queue()
        self._trial: Generation | None = None
        """What a reload has asked for, until one of its workers serves."""
        self._has_started = self._is_stopping = False
        self._after_trial: set[Command] = set()
        self._restarts = RestartPolicy(times.restarts)
        self._start_after = 0.0
        self._looked_at = time.monotonic()
        self._watchdog_at = 0.0
        self._remind_at = time.monotonic() + REMINDER_SECONDS
        self._status = ""

    def command(self, command: Command) -> None:
        """Ask for something; returns at once."""
        self._events.put_nowait(command)

    async def run(self) -> None:
        """Keep workers until told to stop. OperatorError or NotDoneError if none can serve."""
        loop = asyncio.get_running_loop()
        for number, command in _COMMANDS.items():
            loop.add_signal_handler(number, self.command, command)
        # The root key may have been long in coming, and nobody has watched the certificate's files meanwhile.
        await self._renew_tls(self.generation.configuration)
        async with asyncio.TaskGroup() as self._group:
            try:
                await self._supervise()
            finally:
                for worker in self._workers:
                    worker.kill()
                await asyncio.gather(*(worker.wait() for worker in self._workers))

    # The loop.

    async def _supervise(self) -> None:
        while True:
            await self._arrange()
            if self._is_stopping and not self._workers:
                return
            try:
                async with asyncio.timeout(self._times.tick):
                    event = await self._events.get()
            except TimeoutError:
                pass
            else:
                await self._take(event)
            self._look_after_workers()
            self._tell_systemd()

    async def _take(self, event: _Said | _Ended | Command) -> None:
        match event:
            case _Said(worker, message):
                self._hear(worker, message)
            case _Ended(worker, how):
                generation = self._workers.pop(worker)
                self.collection.forget(worker.pid)
                if worker.state is not WorkerState.STOPPING:
                    self._mourn(worker, generation, how)
            case Command.STOP:
                self._stop()
            case Command.RELOAD | Command.RENEW_TLS if self._trial is not None or not self._has_started:
                self._after_trial.add(event)
            case Command.RELOAD:
                await self._reload()
            case Command.RENEW_TLS:
                await self._renew_tls(self.generation.configuration)

    async def _arrange(self) -> None:
        """Start the workers that are missing, and stop one of another generation for each that serves."""
        if self._is_stopping:
            return
        target = self._trial or self.generation
        alive = {worker: its for worker, its in self._workers.items() if worker.state is not WorkerState.STOPPING}
        ours = [worker for worker, its in alive.items() if its is target]
        others = [worker for worker, its in alive.items() if its is not target]
        serving = [worker for worker in ours if worker.state is WorkerState.SERVING]
        for worker in others[: max(0, len(serving) + len(others) - target.workers)]:
            self._stop_worker(worker)
        if time.monotonic() >= self._start_after:
            wanted = 1 if target is self._trial else target.workers  # one is enough to try what may not serve
            for _ in range(wanted - len(ours)):
                await self._start(target)

    # Workers.

    async def _start(self, generation: Generation) -> None:
        try:
            worker = await self._launch(generation)
        except OSError as error:
            self._count_death(f"cannot be started: {error.strerror}", served_seconds=0.0)
        else:
            self._workers[worker] = generation
            self._group.create_task(self._follow(worker))

    async def _follow(self, worker: WorkerProcess) -> None:
        while (message := await worker.receive()) is not None:
            self._events.put_nowait(_Said(worker, message))
        self._events.put_nowait(_Ended(worker, await worker.wait()))

    def _hear(self, worker: WorkerProcess, message: FromWorker) -> None:
        match message:
            case Ready():
                if worker.state is WorkerState.STARTING:
                    self._welcome(worker)
            case Beat():
                worker.beat_at = time.monotonic()
            case Report(report):
                self.collection.take(worker.pid, report)
            case TlsKept(reason):
                _log.error("worker %d goes on with its earlier certificate: %s", worker.pid, reason)
            case Stopping():
                worker.state = WorkerState.STOPPING
                worker.stop_by = time.monotonic() + self._times.stop
            case Failed(reason):
                worker.reason = reason

    def _welcome(self, worker: WorkerProcess) -> None:
        worker.state = WorkerState.SERVING
        worker.serving_since = worker.beat_at = time.monotonic()
        if self._trial is not None and self._workers[worker] is self._trial:
            _log.info("the new configuration is in force; the workers of the old one answer what has come, then end")
            self.generation = self._trial
            self._end_trial()
        serving = sum(each.state is WorkerState.SERVING for each in self._workers)
        if not self._has_started and serving == self.generation.workers:
            self._has_started = True
            self._announce()
            self._notifier.notify("READY=1")
            self._repeat_commands()

    def _mourn(self, worker: WorkerProcess, generation: Generation, how: str) -> None:
        if self._is_stopping:
            return
        if not self._has_started:
            raise OperatorError(worker.reason) if worker.reason else NotDoneError(f"a worker {how} before it served")
        if generation is self._trial:
            _log.error("the reload is refused and nothing has changed: %s", how)
            self._end_trial()
        else:
            self._count_death(f"{worker.pid} {how}", served_seconds=worker.served_seconds)

    def _count_death(self, what: str, *, served_seconds: float) -> None:
        pause = self._restarts.pause_after_death(served_seconds=served_seconds)
        self._start_after = time.monotonic() + pause
        when = f"in {pause:g} s" if pause else "at once"
        _log.error("worker %s, after %.0f s of service; another is started %s", what, served_seconds, when)
        if self._restarts.is_hopeless and not any(each.state is WorkerState.SERVING for each in self._workers):
            raise NotDoneError(f"no worker serves, and every new one dies: worker {what}")

    def _stop_worker(self, worker: WorkerProcess) -> None:
        if worker.state is WorkerState.STARTING:
            worker.kill()  # it serves nobody
        worker.send(Stop())
        worker.state = WorkerState.STOPPING
        worker.stop_by = time.monotonic() + self._times.stop

    def _look_after_workers(self) -> None:
        now = time.monotonic()
        if now - self._looked_at > self._times.hang / 2:
            # It was this process that stood still: the beats of that time are still on their way.
            for worker in self._workers:
                worker.beat_at = now
        self._looked_at = now
        for worker in self._workers:
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
        if now >= self._remind_at:
            self._remind_at = now + REMINDER_SECONDS
            if is_expiring(self.generation.tls.state):
                report_expiry(self.generation.tls.state)

    # Commands.

    def _stop(self) -> None:
        if self._is_stopping:  # asked again: now
            for worker in self._workers:
                worker.kill()
            return
        self._is_stopping = True
        _log.info("proxy stops: it answers what has come, then closes")
        self._notifier.notify("STOPPING=1")
        self._before_stop()
        for worker in self._workers:
            if worker.state is not WorkerState.STOPPING:
                self._stop_worker(worker)

    async def _reload(self) -> None:
        self._notifier.reloading()
        present = self.generation.configuration
        try:
            wanted = await asyncio.to_thread(self._reread)
            refuse_lasting_changes(present, wanted)
            if wanted.content == present.content:
                _log.info("the configuration is as it was; the certificate is looked at again")
                await self._renew_tls(present)
                self._notifier.notify("READY=1")
                return
            tls = await asyncio.to_thread(check_proxy_tls, wanted.require_proxy())
        except (HyokError, OSError) as error:
            _log.error("the reload is refused and nothing has changed: %s", error)
            self._notifier.notify("READY=1")
            return
        report_expiry(tls.state)
        self._trial = Generation(wanted, tls)
        self._start_after = 0.0

    def _end_trial(self) -> None:
        self._trial = None
        self._notifier.notify("READY=1")
        self._repeat_commands()

    def _repeat_commands(self) -> None:
        for command in self._after_trial:
            self.command(command)
        self._after_trial.clear()

    async def _renew_tls(self, configuration: Configuration) -> None:
        try:
            tls = await asyncio.to_thread(check_proxy_tls, configuration.require_proxy())
        except (HyokError, OSError) as error:
            _log.error("the certificate in force is kept: %s", error)
            return
        if tls == self.generation.tls:
            return
        self.generation.tls = tls
        for worker in self._workers:
            worker.send(ReplaceTls(tls))
        _log.info("the certificate was loaded anew; connections that are open live on")
        report_expiry(tls.state)

    def _tell_systemd(self) -> None:
        now = time.monotonic()
        serving = [worker for worker in self._workers if worker.state is WorkerState.SERVING]
        status = f"STATUS={len(serving)} of {self.generation.workers} workers serve"
        if status != self._status:
            self._status = status
            self._notifier.notify(status)
        patience = self._notifier.watchdog_seconds
        is_well = any(now - worker.beat_at < _FRESH_SECONDS for worker in serving)
        if patience is not None and is_well and now >= self._watchdog_at:
            self._watchdog_at = now + patience / 3
            self._notifier.notify("WATCHDOG=1")


_COMMANDS: Final = {
    signal.SIGTERM: Command.STOP,
    signal.SIGINT: Command.STOP,
    signal.SIGHUP: Command.RELOAD,
}
