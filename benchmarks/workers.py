"""What a second worker costs: CPU per proxy Encrypt at a fixed offered rate, with one worker and with two, interleaved.

The rate is AWS's default quota for a key store.
"""

from __future__ import annotations

import ssl
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from benchmarks.machine import spent
from benchmarks.offered import offer, percentile
from benchmarks.sides import encrypt_request, make_sides, running_proxy

RATE_PER_SECOND = 1800


class WorkersCost(NamedTuple):
    """One number of workers: medians over the rounds."""

    cpu_microseconds: float
    p99_milliseconds: float


class Workers(NamedTuple):
    """What `measure` found."""

    one: WorkersCost
    two: WorkersCost
    ratio: float
    """CPU per request with two workers over that with one: round by round, median."""


def measure(*, rounds: int, seconds: float) -> Workers:
    """Offer the rate for `seconds` to each in turn, `rounds` times, after a round that does not count."""
    found: dict[int, list[WorkersCost]] = {1: [], 2: []}
    with tempfile.TemporaryDirectory(prefix="hyok-bench-") as directory, ExitStack() as servers:
        running = {}
        for workers in found:
            sides = make_sides(Path(directory) / str(workers))
            running[workers] = (sides, *servers.enter_context(running_proxy(sides, core=None, workers=workers)))
        for number in range(rounds + 1):
            for workers, (sides, pid, port) in running.items():
                request = encrypt_request(sides, port=port)
                context = ssl.create_default_context(cafile=str(sides.holder / "tls/ca.pem"))
                before = spent(pid).cpu_seconds
                latencies = offer(
                    request, port, context, per_second=RATE_PER_SECOND, seconds=seconds if number else 1.0
                )
                cpu = (spent(pid).cpu_seconds - before) / len(latencies) * 1e6
                if number:
                    found[workers].append(WorkersCost(cpu, percentile(latencies, 0.99)))
    ratio = statistics.median(
        two.cpu_microseconds / one.cpu_microseconds for one, two in zip(found[1], found[2], strict=True)
    )
    return Workers(_median(found[1]), _median(found[2]), ratio)


def _median(rounds: list[WorkersCost]) -> WorkersCost:
    return WorkersCost(*(statistics.median(column) for column in zip(*rounds, strict=True)))
