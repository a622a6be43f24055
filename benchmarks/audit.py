"""What the audit trail costs: a worker with it, without it, and with it durable; and how fast it is verified.

The three serve the same Encrypt on one core, in turn. CPU per request is what capacity is made of; a durable log waits
for the disk besides, which many connections wait for together.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from benchmarks.machine import free_port, pinned_server, spent
from benchmarks.sides import encrypt_request, make_sides
from benchmarks.wrk import load
from hyok.audit.verification.trail import verify_trail
from hyok.custody.audit_key import read_audit_key
from hyok.storage.engine import open_storage
from hyok.storage.schema import Side

MODES = ("off", "on", "durable")


class AuditCost(NamedTuple):
    """One way to keep the trail: medians over the rounds."""

    cpu_microseconds: float
    requests_per_second: float
    p50_milliseconds: float
    p99_milliseconds: float


class Audit(NamedTuple):
    """What `measure` found."""

    off: AuditCost
    on: AuditCost
    durable: AuditCost
    share: float
    """What the trail takes of the capacity: round by round, median."""
    record_bytes: float
    """Of one record, its line and its hash."""
    verified_per_second: float
    """Records that `hyok audit verify` reads a second, on one core."""


def measure(*, rounds: int, seconds: float) -> Audit:
    """Measure the three in turn, `rounds` times for `seconds` each, after one round that does not count."""
    found: dict[str, list[AuditCost]] = {mode: [] for mode in MODES}
    with tempfile.TemporaryDirectory(prefix="hyok-bench-") as name:
        directory = Path(name)
        sides = make_sides(directory)
        with ExitStack() as servers:
            running = {}
            for mode in MODES:
                port = free_port()
                command: list[str | Path] = [
                    sys.executable,
                    "-m",
                    "benchmarks.audit_server",
                    sides.holder / "hyok.toml",
                    mode,
                    str(port),
                ]
                running[mode] = (servers.enter_context(pinned_server(command, port=port)), port)
            for number in range(rounds + 1):
                for mode, (pid, port) in running.items():
                    request = encrypt_request(sides, port=port)
                    before = spent(pid).cpu_seconds
                    result = load(request, directory, seconds=seconds if number else 1)
                    cpu = (spent(pid).cpu_seconds - before) / result.requests * 1e6
                    rate = result.requests / result.seconds
                    if number:
                        found[mode].append(AuditCost(cpu, rate, result.p50_milliseconds, result.p99_milliseconds))
        share = statistics.median(
            1 - off.cpu_microseconds / on.cpu_microseconds for off, on in zip(found["off"], found["on"], strict=True)
        )
        record_bytes, verified = _verify(sides.holder, "audit-on")
    off, on, durable = (_median(found[mode]) for mode in MODES)
    return Audit(off, on, durable, share, record_bytes, verified)


def _verify(holder: Path, trail: str) -> tuple[float, float]:
    storage = open_storage(f"sqlite:///{holder / 'hyok.db'}", Side.HOLDER)
    key = read_audit_key(storage)
    storage.close()
    assert key is not None
    began = time.process_time()
    verdict = verify_trail(holder / trail, key)
    seconds = time.process_time() - began
    assert verdict.is_intact, verdict.findings
    records = sum(log.records for log in verdict.logs)
    size = sum(each.stat().st_size for each in (holder / trail).rglob("*") if each.suffix in (".jsonl", ".hashes"))
    return size / records, records / seconds


def _median(rounds: list[AuditCost]) -> AuditCost:
    return AuditCost(*(statistics.median(column) for column in zip(*rounds, strict=True)))
