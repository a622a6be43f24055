"""What a second worker costs: CPU per proxy Encrypt at a fixed offered rate, with one worker and with two, interleaved.

The rate is AWS's default quota for a key store. Requests leave at their times, whether or not earlier ones were
answered late; connections are kept, as KMS keeps them.
"""

from __future__ import annotations

import socket
import ssl
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from benchmarks.machine import spent
from benchmarks.sides import HOST, encrypt_request, make_sides, running_proxy

RATE_PER_SECOND = 1800
CONNECTIONS = 16


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
                head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
                target = request.url.partition(f":{port}")[2]
                wire = f"POST {target} HTTP/1.1\r\n{head}Content-Length: {len(request.body)}\r\n\r\n".encode()
                context = ssl.create_default_context(cafile=str(sides.holder / "tls/ca.pem"))
                before = spent(pid).cpu_seconds
                latencies = _offer(wire + request.body, port, context, seconds=seconds if number else 1.0)
                cpu = (spent(pid).cpu_seconds - before) / len(latencies) * 1e6
                if number:
                    found[workers].append(WorkersCost(cpu, sorted(latencies)[int(len(latencies) * 0.99)] * 1e3))
    ratio = statistics.median(
        two.cpu_microseconds / one.cpu_microseconds for one, two in zip(found[1], found[2], strict=True)
    )
    return Workers(_median(found[1]), _median(found[2]), ratio)


def _median(rounds: list[WorkersCost]) -> WorkersCost:
    return WorkersCost(*(statistics.median(column) for column in zip(*rounds, strict=True)))


def _offer(wire: bytes, port: int, context: ssl.SSLContext, *, seconds: float) -> list[float]:
    """Return how long each request took from the time at which it was due, in seconds."""
    begins_at = time.monotonic() + 0.5

    def one(index: int) -> list[float]:
        # A thread each: an event loop's timers are whole milliseconds, and would send requests in pairs.
        latencies: list[float] = []
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            context.wrap_socket(plain, server_hostname=HOST) as connection,
        ):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for number in range(int(seconds * RATE_PER_SECOND / CONNECTIONS)):
                due_at = begins_at + (index + number * CONNECTIONS) / RATE_PER_SECOND
                time.sleep(max(0.0, due_at - time.monotonic()))
                connection.sendall(wire)
                answer = connection.recv(65536)
                assert answer.startswith(b"HTTP/1.1 200"), answer
                latencies.append(time.monotonic() - due_at)
        return latencies

    with ThreadPoolExecutor(CONNECTIONS) as threads:
        return [latency for latencies in threads.map(one, range(CONNECTIONS)) for latency in latencies]
