"""A supervisor on a loop, with workers that do as they are told by the test."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any

import trustme

from hyok.assembly.proxy_endpoints import check_proxy_tls
from hyok.config.configuration import Configuration, load_configuration
from hyok.custody.safe import SafeKey
from hyok.secret import Secret
from hyok.supervisor.launcher import Generation, Launcher
from hyok.supervisor.restarts import RestartTimes
from hyok.supervisor.supervision import Command, Supervisor
from hyok.supervisor.systemd import Notifier
from hyok.supervisor.worker_process import WorkerProcess
from hyok.supervisor.workforce import Times

QUICK = Times(
    tick=0.05,
    start=1.0,
    hang=0.4,
    stop=0.4,
    restarts=RestartTimes(steady=10.0, first_pause=0.05, longest_pause=0.2, deaths_in_a_row=5),
)
FAKE_WORKER = Path(__file__).with_name("fake_worker.py")
CONFIGURATION = """
[storage]
url = "sqlite:///hyok.db"
[root_key]
source = "file:root.key"
[proxy]
workers = 2
certificate = "file:server.pem"
private_key = "file:server.key"
[key_managers.software]
kind = "embedded"
"""


class RecordingNotifier(Notifier):
    """Keeps what it would send."""

    def __init__(self) -> None:
        super().__init__({"WATCHDOG_USEC": "300000"})
        self.sent: list[str] = []

    def notify(self, *assignments: str) -> None:
        self.sent += assignments


class Stage:
    """A directory with a configuration, a certificate, and the behaviour of workers that start."""

    def __init__(self, directory: Path, times: Times = QUICK) -> None:
        self.directory = directory
        self.notifier = RecordingNotifier()
        self.announced = 0
        self.stops = 0
        self.launched: list[WorkerProcess] = []
        self.launch_errors: list[OSError] = []
        self.behave("serve")
        self.configure(CONFIGURATION)
        self.install_certificate()
        self._log.touch()
        configuration = self.load()
        command = (sys.executable, "-S", "-E", str(FAKE_WORKER), str(directory / "behaviour"), str(self._log))
        self._launcher = Launcher(
            command, safe_key=SafeKey("store", (Secret(bytes(32)),), "root"), listeners={}, environment={"PATH": "/bin"}
        )
        self.supervisor = Supervisor(
            Generation(configuration, check_proxy_tls(configuration.require_proxy())),
            launch=self._launch,
            reread=self.load,
            announce=self._announce,
            before_stop=self._before_stop,
            notifier=self.notifier,
            times=times,
        )

    @property
    def _log(self) -> Path:
        return self.directory / "log"

    def behave(self, behaviour: str) -> None:
        """Say what workers do that start from now on."""
        (self.directory / "behaviour").write_text(behaviour)

    def configure(self, text: str) -> None:
        (self.directory / "hyok.toml").write_text(text)

    def load(self) -> Configuration:
        return load_configuration(self.directory / "hyok.toml", {})

    def install_certificate(self, *, key_of_another: bool = False, not_after: datetime | None = None) -> None:
        authority = trustme.CA()
        leaf = authority.issue_cert("localhost", not_after=not_after)
        (self.directory / "server.pem").write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        key = authority.issue_cert("localhost") if key_of_another else leaf
        (self.directory / "server.key").write_bytes(key.private_key_pem.bytes())

    def refresh(self) -> None:
        """Let the parent begin with the certificate that is installed now."""
        self.supervisor.generation.tls = check_proxy_tls(self.load().require_proxy())

    def heard(self, kind: str) -> list[int]:
        """Return the process ids of the workers that were told this, once for each time."""
        lines = [line.split() for line in self._log.read_text().splitlines()]
        return [int(pid) for pid, told in lines if told == kind]

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(8):
            while not condition():  # noqa: ASYNC110  # what it waits for happens in another process
                await asyncio.sleep(0.01)

    async def until_served(self) -> None:
        await self.until(lambda: self.announced)

    def run(self, scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run the supervisor beside a scenario, then stop it; what the supervisor raises is raised."""

        async def main() -> None:
            running = asyncio.create_task(self.supervisor.run())
            playing = asyncio.create_task(scenario())
            async with asyncio.timeout(15):
                await asyncio.wait({running, playing}, return_when=asyncio.FIRST_COMPLETED)
                if not running.done():
                    await playing
                    self.supervisor.command(Command.STOP)
                playing.cancel()
                await running

        try:
            asyncio.run(main())
        finally:
            self._launcher.close()

    async def _launch(self, generation: Generation) -> WorkerProcess:
        if self.launch_errors:
            raise self.launch_errors.pop()
        worker = await self._launcher.launch(generation)
        self.launched.append(worker)
        return worker

    def _announce(self) -> None:
        self.announced += 1

    def _before_stop(self) -> None:
        self.stops += 1


async def forever() -> None:
    await asyncio.sleep(3600)
