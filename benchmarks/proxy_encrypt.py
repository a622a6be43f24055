"""Proxy Encrypt beside nginx: the same POST over the same TLS, on one core, interleaved in one run.

Between the two stands our own transport with nginx's constant reply: it shows what of the price is TLS, HTTP and the
event loop.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import NamedTuple

from benchmarks.constant_server import constant_transport
from benchmarks.machine import SERVER_CORE, spent
from benchmarks.nginx import constant_reply
from benchmarks.sides import Sides, encrypt_request, make_sides, running_proxy
from benchmarks.wrk import FixedRequest, LoadResult, load


class Measured(NamedTuple):
    """One server's price for a request: the median over the rounds."""

    cpu_microseconds: float
    requests_per_second: float
    p99_milliseconds: float
    peak_memory_mebibytes: float


class ProxyEncrypt(NamedTuple):
    """What `measure` found."""

    nginx: Measured
    transport: Measured
    proxy: Measured
    share_of_nginx: float
    """The proxy's capacity on one core as a share of nginx's: the ratio of their CPU times, round by round, median."""
    lowest_share: float
    highest_share: float


def measure(*, rounds: int, seconds: float) -> ProxyEncrypt:
    """Measure both servers in turn, `rounds` times for `seconds` each, after one round that does not count."""
    with tempfile.TemporaryDirectory(prefix="hyok-bench-") as directory:
        return compare(make_sides(Path(directory)), Path(directory), rounds=rounds, seconds=seconds)


def compare(sides: Sides, directory: Path, *, rounds: int, seconds: float) -> ProxyEncrypt:
    """Measure the proxy of `sides` and nginx in turn."""
    with (
        constant_reply(directory, certificate=sides.certificate, private_key=sides.private_key) as nginx,
        constant_transport(sides.holder / "tls") as transport,
        running_proxy(sides, core=SERVER_CORE) as proxy,
    ):
        servers = (nginx, transport, proxy)
        found: dict[int, list[tuple[float, LoadResult]]] = {pid: [] for pid, _ in servers}
        for number in range(rounds + 1):
            # Signed anew for each round: a signature is valid for five minutes.
            request = encrypt_request(sides, port=proxy[1])
            for pid, port in servers:
                to_it = request._replace(url=request.url.replace(f":{proxy[1]}", f":{port}"))
                price = _cpu_per_request(pid, to_it, directory, seconds=seconds if number else 1)
                if number:
                    found[pid].append(price)
        shares = [theirs[0] / ours[0] for theirs, ours in zip(found[nginx[0]], found[proxy[0]], strict=True)]
        return ProxyEncrypt(
            _summary(found[nginx[0]], nginx[0]),
            _summary(found[transport[0]], transport[0]),
            _summary(found[proxy[0]], proxy[0]),
            statistics.median(shares),
            min(shares),
            max(shares),
        )


def _cpu_per_request(pid: int, request: FixedRequest, directory: Path, *, seconds: float) -> tuple[float, LoadResult]:
    before = spent(pid).cpu_seconds
    result = load(request, directory, seconds=seconds)
    return (spent(pid).cpu_seconds - before) / result.requests * 1e6, result


def _summary(rounds: list[tuple[float, LoadResult]], pid: int) -> Measured:
    return Measured(
        statistics.median(cpu for cpu, _ in rounds),
        statistics.median(result.requests / result.seconds for _, result in rounds),
        statistics.median(result.p99_milliseconds for _, result in rounds),
        spent(pid).peak_memory_mebibytes,
    )
