"""Load from wrk: one fixed POST over keep-alive connections, from a core of its own."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import NamedTuple

from benchmarks.machine import LOAD_CORE

_SCRIPT = """
wrk.method = "POST"
wrk.body = %(body)s
%(headers)s
done = function(summary, latency, requests)
  io.stderr:write(string.format('{"requests":%%d,"microseconds":%%d,"refused":%%d,"broken":%%d,"p50":%%d,"p99":%%d,"max":%%d}',
    summary.requests, summary.duration, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99), latency.max))
end
"""


class FixedRequest(NamedTuple):
    """The request that is sent again and again."""

    url: str
    headers: dict[str, str]
    body: bytes


class LoadResult(NamedTuple):
    """What wrk saw. Latencies in milliseconds."""

    requests: int
    seconds: float
    p50_milliseconds: float
    p99_milliseconds: float
    max_milliseconds: float


def load(
    request: FixedRequest,
    directory: Path,
    *,
    connections: int = 16,
    seconds: float = 4,
    core: int | None = LOAD_CORE,
) -> LoadResult:
    """Send `request` for `seconds`, from one core or from any.

    RuntimeError if any answer was no success: a refusal costs another price.
    """
    script = directory / "request.lua"
    headers = "\n".join(
        f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in request.headers.items()
    )
    script.write_text(_SCRIPT % {"body": json.dumps(request.body.decode("ascii")), "headers": headers})
    command: list[str | Path] = [
        *(() if core is None else ("taskset", "-c", str(core))),
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "-s",
        script,
        request.url,
    ]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    answer = json.loads(finished.stderr.strip().splitlines()[-1])
    if answer["refused"] or answer["broken"]:
        raise RuntimeError(
            f"{request.url}: {answer['refused']} answers were refusals, {answer['broken']} connections broke"
        )
    return LoadResult(
        answer["requests"], answer["microseconds"] / 1e6, answer["p50"] / 1e3, answer["p99"] / 1e3, answer["max"] / 1e3
    )
