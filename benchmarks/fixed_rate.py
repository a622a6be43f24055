"""The proxy at AWS's default quota, 1800 requests/s, beside nginx at the same rate: CPU and latency, in turn."""

from __future__ import annotations

import ssl
import statistics
import tempfile
from pathlib import Path
from typing import NamedTuple

from benchmarks.machine import SERVER_CORE, spent
from benchmarks.nginx import constant_reply
from benchmarks.offered import offer, percentile
from benchmarks.sides import encrypt_request, make_sides, running_proxy
from benchmarks.workers import RATE_PER_SECOND


class AtRate(NamedTuple):
    """One server: medians over the rounds."""

    cpu_microseconds: float
    p50_milliseconds: float
    p99_milliseconds: float


class FixedRate(NamedTuple):
    """What `measure` found."""

    nginx: AtRate
    proxy: AtRate
    cpu_ratio: float
    p99_ratio: float
    """Both round by round, median."""


def measure(*, rounds: int, seconds: float) -> FixedRate:
    """Offer the rate to each in turn, `rounds` times for `seconds`, after a round that does not count."""
    found: dict[int, list[AtRate]] = {}
    with tempfile.TemporaryDirectory(prefix="hyok-bench-") as directory:
        sides = make_sides(Path(directory))
        context = ssl.create_default_context(cafile=str(sides.holder / "tls/ca.pem"))
        with (
            constant_reply(Path(directory), certificate=sides.certificate, private_key=sides.private_key) as nginx,
            running_proxy(sides, core=SERVER_CORE) as proxy,
        ):
            for number in range(rounds + 1):
                request = encrypt_request(sides, port=proxy[1])
                for pid, port in (nginx, proxy):
                    before = spent(pid).cpu_seconds
                    took = offer(request, port, context, per_second=RATE_PER_SECOND, seconds=seconds if number else 1)
                    cpu = (spent(pid).cpu_seconds - before) / len(took) * 1e6
                    if number:
                        found.setdefault(pid, []).append(AtRate(cpu, percentile(took, 0.5), percentile(took, 0.99)))
        pairs = list(zip(found[nginx[0]], found[proxy[0]], strict=True))
    return FixedRate(
        _median(found[nginx[0]]),
        _median(found[proxy[0]]),
        statistics.median(ours.cpu_microseconds / theirs.cpu_microseconds for theirs, ours in pairs),
        statistics.median(ours.p99_milliseconds / theirs.p99_milliseconds for theirs, ours in pairs),
    )


def _median(rounds: list[AtRate]) -> AtRate:
    return AtRate(*map(statistics.median, zip(*rounds, strict=True)))
