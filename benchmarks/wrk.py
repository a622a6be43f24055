"""Load from wrk: fixed POSTs, one or many in turn, over keep-alive connections, from a core of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.machine import LOAD_CORE

_SCRIPT = """
local requests = {
%(requests)s
}
local all = {}
local turn = 0
init = function()
  for number, each in ipairs(requests) do all[number] = wrk.format("POST", each[1], each[2], each[3]) end
end
request = function()
  turn = turn %% #all + 1
  return all[turn]
end
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
    refused: int = 0


def load(
    request: FixedRequest | Sequence[FixedRequest],
    directory: Path,
    *,
    connections: int = 16,
    seconds: float = 4,
    core: int | None = LOAD_CORE,
    is_refused: bool = False,
    most_refused: int = 0,
) -> LoadResult:
    """Send `request`, or each of them in turn, for `seconds`, from one core or from any.

    RuntimeError if more than `most_refused` answers were no success, or any was one where it `is_refused`: the two cost
    different prices.
    """
    script = directory / "request.lua"
    requests = [request] if isinstance(request, FixedRequest) else request
    script.write_text(_SCRIPT % {"requests": ",\n".join(map(_as_lua, requests))})
    url = requests[0].url
    command: list[str | Path] = [
        *(() if core is None else ("taskset", "-c", str(core))),
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "-s",
        script,
        url,
    ]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    answer = json.loads(finished.stderr.strip().splitlines()[-1])
    least = answer["requests"] if is_refused else 0
    if not least <= answer["refused"] <= max(least, most_refused) or answer["broken"]:
        raise RuntimeError(f"{url}: {answer['refused']} answers were refusals, {answer['broken']} connections broke")
    return LoadResult(
        answer["requests"],
        answer["microseconds"] / 1e6,
        answer["p50"] / 1e3,
        answer["p99"] / 1e3,
        answer["max"] / 1e3,
        answer["refused"],
    )


def _as_lua(request: FixedRequest) -> str:
    path = "/" + request.url.split("/", 3)[3]
    headers = ", ".join(f"[{json.dumps(name)}] = {json.dumps(value)}" for name, value in request.headers.items())
    return f"{{{json.dumps(path)}, {{{headers}}}, {json.dumps(request.body.decode('ascii'))}}}"
