"""Load at a fixed rate: requests leave at their times, whether or not earlier ones were answered late."""

from __future__ import annotations

import math
import socket
import ssl
import time
from concurrent.futures import ThreadPoolExecutor

from benchmarks.sides import HOST
from benchmarks.wrk import FixedRequest

CONNECTIONS = 16


def on_the_wire(request: FixedRequest) -> bytes:
    """Return a request as bytes."""
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    target = "/" + request.url.split("/", 3)[3]
    return f"POST {target} HTTP/1.1\r\n{head}Content-Length: {len(request.body)}\r\n\r\n".encode() + request.body


def offer(
    request: FixedRequest,
    port: int,
    context: ssl.SSLContext,
    *,
    per_second: int,
    seconds: float,
    connections: int = CONNECTIONS,
    may_fail: bool = False,
) -> list[float]:
    """Return how long each request took from the time at which it was due, in seconds; connections are kept.

    With `may_fail`, infinite for one that was refused.
    """
    wire = on_the_wire(request)
    begins_at = time.monotonic() + 0.5

    def one(index: int) -> list[float]:
        # A thread each: an event loop's timers are whole milliseconds, and would send requests in pairs.
        latencies: list[float] = []
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            context.wrap_socket(plain, server_hostname=HOST) as connection,
        ):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for number in range(int(seconds * per_second / connections)):
                due_at = begins_at + (index + number * connections) / per_second
                time.sleep(max(0.0, due_at - time.monotonic()))
                connection.sendall(wire)
                answer = connection.recv(65536)
                is_success = answer.startswith(b"HTTP/1.1 200")
                assert is_success or may_fail, answer
                latencies.append(time.monotonic() - due_at if is_success else math.inf)
        return latencies

    with ThreadPoolExecutor(connections) as threads:
        return [latency for latencies in threads.map(one, range(connections)) for latency in latencies]


def percentile(latencies: list[float], share: float) -> float:
    """Return the latency that this share of requests did not exceed, in milliseconds."""
    return sorted(latencies)[min(len(latencies) - 1, int(len(latencies) * share))] * 1e3
