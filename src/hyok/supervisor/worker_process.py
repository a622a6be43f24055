"""One worker as its parent sees it: a process, a channel, and the time of its last beat."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum

from hyok.supervisor.messages import Channel, FromParent, FromWorker, Orders, open_parents_end


class WorkerState(Enum):
    """How far a worker has come."""

    STARTING = "starting"
    SERVING = "serving"
    STOPPING = "stopping"
    """It accepts nobody any more."""


class WorkerProcess:
    """A running worker. Made by `start_worker`."""

    def __init__(self, process: asyncio.subprocess.Process, channel: Channel[FromWorker]) -> None:
        self._process = process
        self._channel = channel
        self.state = WorkerState.STARTING
        self.started_at = time.monotonic()
        self.serving_since: float | None = None
        self.beat_at = self.started_at
        """When it was last known to be well, in `time.monotonic` seconds."""
        self.stop_by = float("inf")
        """When it is killed if it still runs."""
        self.reason = ""
        """Why it ends, in its own words."""

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def served_seconds(self) -> float:
        """For how long it has served."""
        return 0.0 if self.serving_since is None else time.monotonic() - self.serving_since

    def send(self, message: FromParent) -> None:
        """Tell it something."""
        self._channel.send(message)

    async def receive(self) -> FromWorker | None:
        """Return what it says next; None once it is gone."""
        return await self._channel.receive()

    async def wait(self) -> str:
        """Wait for its end and return how it ended, in words."""
        status = await self._process.wait()
        await self._channel.close()
        return self.reason or _describe_end(status)

    def kill(self) -> None:
        """End it now."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()


async def start_worker(
    command: Sequence[str],
    orders: Orders,
    descriptors: Iterable[int],
    *,
    environment: Mapping[str, str],
) -> WorkerProcess:
    """Start `command` with the number of its socket as the last argument, and give it its orders. OSError if it cannot.

    It is a new program and not a copy of this one: no thread, lock or database connection of the parent's is in it. It
    has a process group of its own, so that Ctrl-C reaches the parent alone.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                str(theirs.fileno()),
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=[theirs.fileno(), *descriptors],
                process_group=0,
            )
        except BaseException:
            ours.close()
            raise
    channel = await open_parents_end(ours)
    channel.send(orders)
    return WorkerProcess(process, channel)


def _describe_end(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"
