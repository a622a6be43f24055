"""How much memory a comparison takes: no more for much than for little."""

from __future__ import annotations

import json
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

MEASURED = (
    "import sys; from pathlib import Path; from hyok.cli.main import run; status = run(sys.argv[1:]); "
    "sys.stderr.write(Path('/proc/self/status').read_text()); sys.exit(status)"
)
"""Its own peak, asked from within: what the system tells of a child counts the parent that it was forked from."""


def test_what_is_compared_does_not_have_to_fit_into_memory(tmp_path: Path) -> None:
    trail = write_trail(tmp_path / "trail", *(a_use(f"request-{number}") for number in range(CALLS) if number != 1234))
    # One file, larger than any that CloudTrail delivers, so that not even a file may be held.
    with (tmp_path / "all.json").open("w") as file:
        file.write('{"Records":[')
        for number in range(CALLS):
            file.write("," * (number > 0) + json.dumps(an_event(f"request-{number}"), separators=(",", ":")))
        file.write("]}")
    command = [sys.executable, "-c", MEASURED, "audit", "reconcile", "--cloudtrail", str(tmp_path / "all.json")]
    options = ["--directory", str(trail), "--output", "json", "--until", _day_after(AT)]
    finished = subprocess.run([*command, *options], capture_output=True, text=True)
    assert finished.returncode == 1, finished.stderr
    document = json.loads(finished.stdout)
    assert [(each["finding"], each["request_id"]) for each in document["findings"]] == [
        ("unseen_event", "request-1234")
    ]
    assert document["matched"] == CALLS - 1
    peak = next(line for line in finished.stderr.splitlines() if line.startswith("VmHWM:"))
    assert int(peak.split()[1]) * 1024 < MOST_BYTES, peak


def _day_after(at: float) -> str:
    return datetime.fromtimestamp(at + 86_400, UTC).strftime("%Y-%m-%dT%H:%MZ")
