"""Transit: what comes of a server's HTTP ceiling, with and without batches.

The ceiling is what wrk gets out of the server with one encryption in each request. Then our key manager encrypts on the
load core: each request alone, and gathered. The server is the tests' double, or the OpenBao of HYOK_TEST_OPENBAO.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from base64 import b64encode
from pathlib import Path
from typing import NamedTuple

import uvloop

from benchmarks.machine import LOAD_CORE, SERVER_CORE, spent
from benchmarks.wrk import FixedRequest, load
from hyok.clock import deadline_in
from hyok.keymanagers.transit.batches import DEFAULT_LIMITS, BatchLimits
from hyok.keymanagers.transit.manager import TransitKeyManager
from hyok.keymanagers.transit.setup import TokenLogin, TransitSetup
from hyok.secret import Secret
from hyok.transport.pem import PemSource
from hyok.transport.tls import client_context
from tests.integration.transit.servers import Server, running_server

CALLERS = 64
KEY = "benchmark"
PLAINTEXT, AAD = os.urandom(150), os.urandom(107)
ALONE = BatchLimits(requests_per_key=CALLERS, items=1)


class Measured(NamedTuple):
    """One way to encrypt."""

    requests_per_second: float
    p50_milliseconds: float
    p99_milliseconds: float
    client_cpu_microseconds: float
    """For one encryption; 0 for wrk."""
    server_cpu_microseconds: float


class Transit(NamedTuple):
    """What `measure` found, with 64 callers."""

    ceiling: Measured
    alone: Measured
    gathered: Measured


def measure(*, seconds: float) -> Transit:
    """Measure for `seconds` each, the server on one core and the callers on the other."""
    with tempfile.TemporaryDirectory(prefix="hyok-bench-") as name, running_server(Path(name)) as server:
        server.do("POST", "sys/mounts/transit", {"type": "transit"})
        server.do("POST", f"transit/keys/{KEY}", {"type": "aes256-gcm96"})
        cores = os.sched_getaffinity(0)
        os.sched_setaffinity(server.pid, {SERVER_CORE})
        os.sched_setaffinity(0, {LOAD_CORE})
        try:
            return Transit(
                _ceiling(server, Path(name), seconds=seconds),
                _encrypting(server, ALONE, seconds=seconds),
                _encrypting(server, DEFAULT_LIMITS, seconds=seconds),
            )
        finally:
            os.sched_setaffinity(0, cores)


def _ceiling(server: Server, directory: Path, *, seconds: float) -> Measured:
    fields = {"plaintext": b64encode(PLAINTEXT).decode(), "associated_data": b64encode(AAD).decode(), "key_version": 1}
    request = FixedRequest(
        f"{server.address}/v1/transit/encrypt/{KEY}",
        {"X-Vault-Token": server.root_token, "Content-Type": "application/json"},
        json.dumps(fields).encode(),
    )
    before = spent(server.pid).cpu_seconds
    found = load(request, directory, connections=CALLERS, seconds=seconds)
    used = spent(server.pid).cpu_seconds - before
    return Measured(
        found.requests / found.seconds, found.p50_milliseconds, found.p99_milliseconds, 0.0, used / found.requests * 1e6
    )


def _encrypting(server: Server, limits: BatchLimits, *, seconds: float) -> Measured:
    authority = PemSource("the benchmark's authority", Secret(server.authority.cert_pem.bytes()))
    login = TokenLogin(lambda: Secret(server.root_token.encode()))
    manager = TransitKeyManager(
        TransitSetup((server.address,), "transit", login, client_context(authority)), batch_limits=limits
    )
    server_before, client_before = spent(server.pid).cpu_seconds, time.process_time()
    took = sorted(uvloop.run(_encrypt_for(manager, seconds)))
    server_used, client_used = spent(server.pid).cpu_seconds - server_before, time.process_time() - client_before
    return Measured(
        len(took) / seconds,
        took[len(took) // 2] * 1e3,
        took[len(took) * 99 // 100] * 1e3,
        client_used / len(took) * 1e6,
        server_used / len(took) * 1e6,
    )


async def _encrypt_for(manager: TransitKeyManager, seconds: float) -> list[float]:
    until = time.monotonic() + seconds
    took: list[float] = []

    async def repeat() -> None:
        while (began_at := time.monotonic()) < until:
            version = await manager.active_version(KEY, deadline_in(5))
            await manager.encrypt(version, PLAINTEXT, AAD, deadline_in(5))
            took.append(time.monotonic() - began_at)

    await asyncio.gather(*(repeat() for _ in range(CALLERS)))
    await manager.aclose()
    return took
