"""Processes under measurement: where they run, what they have spent, what memory they reached."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

SERVER_CORE = 0
LOAD_CORE = 1
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class Spent(NamedTuple):
    """What a process tree has used so far."""

    cpu_seconds: float
    peak_memory_mebibytes: float


def spent(pid: int) -> Spent:
    """Return the CPU time and the peak resident memory of a process and its living children."""
    pids = [pid, *(int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    cpu_seconds, peak = 0.0, 0.0
    for one in pids:
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        cpu_seconds += (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND
        status = Path(f"/proc/{one}/status").read_text()
        peak = max(peak, int(status.partition("VmHWM:")[2].split()[0]) / 1024)
    return Spent(cpu_seconds, peak)


def free_port() -> int:
    """Return a port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def pinned_server(
    command: Sequence[str | Path], *, port: int, core: int | None = SERVER_CORE, is_silent: bool = False
) -> Iterator[int]:
    """Run a server on one core, or on all, until the block ends; yields its process id once `port` accepts."""
    pinning = [] if core is None else ["taskset", "-c", str(core)]
    stderr = subprocess.DEVNULL if is_silent else None
    process = subprocess.Popen([*pinning, *command], stdout=subprocess.DEVNULL, stderr=stderr)
    try:
        _wait_for(port, process)
        yield process.pid
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(400):
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended with status {process.returncode} before it listened")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not listen on port {port} after 20 seconds")
