"""Ten external keys and a million: what a start, a request and the memory cost."""

from __future__ import annotations

import socket
import sqlite3
import ssl
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.machine import SERVER_CORE, spent
from benchmarks.sides import HOST, Sides, encrypt_request, make_sides, running_proxy
from benchmarks.wrk import FixedRequest, load

FEW, MANY = 10, 1_000_000
_ASKED_FOR = 2000
"""So many requests take turns, evenly spread over the keys: a million signatures would not live until they are used."""


class WithKeys(NamedTuple):
    """A proxy with so many external keys: medians over the rounds."""

    keys: int
    start_seconds: float
    """From the command to the first answer."""
    peak_memory_mebibytes: float
    """Of its largest process."""
    cpu_microseconds: float
    p50_milliseconds: float


class ManyKeys(NamedTuple):
    """What `measure` found."""

    few: WithKeys
    many: WithKeys
    ratio: float
    """Of the CPU per request: round by round, median."""


def measure(*, rounds: int, seconds: float) -> ManyKeys:
    """Measure both in turn, `rounds` times for `seconds`, after a round that does not count."""
    with tempfile.TemporaryDirectory(prefix="hyok-bench-") as name:
        directory = Path(name)
        sides = {count: _with_keys(directory / str(count), count) for count in (FEW, MANY)}
        with _started(sides[FEW]) as few, _started(sides[MANY]) as many:
            costs: dict[int, list[tuple[float, float]]] = {FEW: [], MANY: []}
            for number in range(rounds + 1):
                for count, proxy in ((FEW, few), (MANY, many)):
                    cost = _cost(sides[count], proxy, directory, count=count, seconds=seconds if number else 1)
                    if number:
                        costs[count].append(cost)
            pairs = zip(costs[FEW], costs[MANY], strict=True)
            return ManyKeys(
                _summary(FEW, few, costs[FEW]),
                _summary(MANY, many, costs[MANY]),
                statistics.median(with_many[0] / with_few[0] for with_few, with_many in pairs),
            )


def _with_keys(directory: Path, count: int) -> Sides:
    directory.mkdir()
    sides = make_sides(directory)
    (database,) = sides.holder.glob("*.db")
    with sqlite3.connect(database) as connection:
        connection.execute(
            "INSERT INTO external_keys (key_store, external_key_id, key_manager, manager_key_id, created_at) "
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?) "
            "SELECT key_store, 'many-' || n, key_manager, manager_key_id, created_at FROM external_keys, numbers",
            (count,),
        )
    connection.close()
    return sides


class _Proxy(NamedTuple):
    pid: int
    port: int
    start_seconds: float


@contextmanager
def _started(sides: Sides) -> Iterator[_Proxy]:
    began_at = time.monotonic()
    with running_proxy(sides, core=SERVER_CORE) as (pid, port):
        context = ssl.create_default_context(cafile=str(sides.holder / "tls/ca.pem"))
        # The port accepts before there are workers; this waits for the answer of one.
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            context.wrap_socket(plain, server_hostname=HOST) as connection,
        ):
            connection.sendall(b"GET /ping HTTP/1.1\r\nhost: %b\r\n\r\n" % HOST.encode())
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        yield _Proxy(pid, port, time.monotonic() - began_at)


def _cost(sides: Sides, proxy: _Proxy, directory: Path, *, count: int, seconds: float) -> tuple[float, float]:
    requests = _requests(sides, proxy.port, count)
    before = spent(proxy.pid).cpu_seconds
    found = load(requests, directory, seconds=seconds)
    return (spent(proxy.pid).cpu_seconds - before) / found.requests * 1e6, found.p50_milliseconds


def _requests(sides: Sides, port: int, count: int) -> list[FixedRequest]:
    numbers = [1 + each * count // _ASKED_FOR for each in range(_ASKED_FOR)]
    return [encrypt_request(sides._replace(external_key_id=f"many-{each}"), port=port) for each in numbers]


def _summary(count: int, proxy: _Proxy, costs: list[tuple[float, float]]) -> WithKeys:
    cpu, p50 = map(statistics.median, zip(*costs, strict=True))
    return WithKeys(count, proxy.start_seconds, spent(proxy.pid).peak_memory_mebibytes, cpu, p50)
