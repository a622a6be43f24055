"""How much memory a comparison takes: no more for much than for little."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.sizes import size
from tests.unit.audit.reconciliation.sides import AT, a_use, an_event, write_trail

MEBIBYTE = 1024 * 1024
CALLS = size(usual=10_000, nightly=130_000)
"""At some 1.1 and 0.5 kB: 16 MB and 200 MB in all."""
MOST_BYTES = 80 * MEBIBYTE
"""It takes 36 for 10,000 calls and for 150,000; the rest is for another Python."""


def test_what_is_compared_does_not_have_to_fit_into_memory(tmp_path: Path) -> None:
    trail = write_trail(tmp_path / "trail", *(a_use(f"request-{number}") for number in range(CALLS) if number != 1234))
    # One file, larger than any that CloudTrail delivers, so that not even a file may be held.
    with (tmp_path / "all.json").open("w") as file:
        file.write('{"Records":[')
        for number in range(CALLS):
            file.write("," * (number > 0) + json.dumps(an_event(f"request-{number}"), separators=(",", ":")))
        file.write("]}")
    command = [sys.executable, "-m", "hyok", "audit", "reconcile", "--cloudtrail", str(tmp_path / "all.json")]
    options = ["--directory", str(trail), "--output", "json", "--until", _day_after(AT)]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        document = json.loads(process.stdout.read())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 1
    assert [(each["finding"], each["request_id"]) for each in document["findings"]] == [
        ("unseen_event", "request-1234")
    ]
    assert document["matched"] == CALLS - 1
    assert usage.ru_maxrss * 1024 < MOST_BYTES, f"{usage.ru_maxrss // 1024} MB"


def _day_after(at: float) -> str:
    return datetime.fromtimestamp(at + 86_400, UTC).strftime("%Y-%m-%dT%H:%MZ")
