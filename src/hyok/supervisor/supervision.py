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
from typing import Final

from hyok.assembly.proxy_endpoints import check_proxy_tls
from hyok.config.configuration import Configuration
from hyok.errors import HyokError, NotDoneError, OperatorError
from hyok.metrics.collection import Collection
from hyok.supervisor.certificates import REMINDER_SECONDS, is_expiring, refuse_out_of_date, report_expiry
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
    Stopping,
    TlsKept,
)
from hyok.supervisor.restarts import RestartPolicy
from hyok.supervisor.systemd import Notifier
from hyok.supervisor.worker_process import WorkerProcess, WorkerState
from hyok.supervisor.workforce import Ended, Said, Times, Workforce

_FRESH_SECONDS: Final = 3 * BEAT_SECONDS
_log = logging.getLogger("hyok")


class Command(Enum):
    """What an operator, or a changed file, asks of the parent."""

    STOP = "stop"
    RELOAD = "reload"
    RENEW_TLS = "renew TLS"


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
        self._reread = reread
        self._announce = announce
        self._before_stop = before_stop
        self._notifier = notifier
        self._times = times

        self._events: asyncio.Queue[Said | Ended | Command] = asyncio.Queue()
        self._workers = Workforce(launch, note=self._events.put_nowait, times=times)
        self._trial: Generation | None = None
        """What a reload has asked for, until one of its workers serves."""
        self._has_started = self._is_stopping = False
        self._after_trial: set[Command] = set()
        self._restarts = RestartPolicy(times.restarts)
        self._start_after = 0.0
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
                await self._workers.aclose()

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
            self._workers.look_after()
            self._remind_of_expiry()
            self._tell_systemd()

    async def _take(self, event: Said | Ended | Command) -> None:
        match event:
            case Said(worker, message):
                self._hear(worker, message)
            case Ended(worker, how):
                generation = self._workers.bury(worker)
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
        there = self._workers.make_room(target)
        if time.monotonic() >= self._start_after:
            wanted = 1 if target is self._trial else target.workers  # one is enough to try what may not serve
            for _ in range(wanted - there):
                await self._start(target)

    # Workers.

    async def _start(self, generation: Generation) -> None:
        try:
            await self._workers.start(generation, self._group)
        except OSError as error:
            self._count_death(f"cannot be started: {error.strerror}", served_seconds=0.0)

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
                self._workers.note_stopping(worker)
            case Failed(reason):
                worker.reason = reason

    def _welcome(self, worker: WorkerProcess) -> None:
        worker.state = WorkerState.SERVING
        worker.serving_since = worker.beat_at = time.monotonic()
        if self._trial is not None and self._workers.generation_of(worker) is self._trial:
            _log.info("the new configuration is in force; the workers of the old one answer what has come, then end")
            self.generation = self._trial
            self._end_trial()
        if not self._has_started and len(self._workers.serving()) == self.generation.workers:
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
        if self._restarts.is_hopeless and not self._workers.serving():
            raise NotDoneError(f"no worker serves, and every new one dies: worker {what}")

    def _remind_of_expiry(self) -> None:
        now = time.monotonic()
        if now >= self._remind_at:
            self._remind_at = now + REMINDER_SECONDS
            if is_expiring(self.generation.tls.state):
                report_expiry(self.generation.tls.state)

    # Commands.

    def _stop(self) -> None:
        if self._is_stopping:  # asked again: now
            self._workers.kill_all()
            return
        self._is_stopping = True
        _log.info("proxy stops: it answers what has come, then closes")
        self._notifier.notify("STOPPING=1")
        self._before_stop()
        self._workers.stop_all()

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
            refuse_out_of_date(tls.state, present=self.generation.tls.state)
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
            refuse_out_of_date(tls.state, present=self.generation.tls.state)
        except (HyokError, OSError) as error:
            _log.error("the certificate in force is kept: %s", error)
            return
        if tls == self.generation.tls:
            return
        self.generation.tls = tls
        self._workers.tell(ReplaceTls(tls))
        _log.info("the certificate was loaded anew; connections that are open live on")
        report_expiry(tls.state)

    def _tell_systemd(self) -> None:
        now = time.monotonic()
        serving = self._workers.serving()
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
