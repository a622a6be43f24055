"""The acknowledgement of a key comes after the database's fsync and the anchor's, as the kernel saw them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.durability.creator import open_all

KEYS = 4
ACKNOWLEDGEMENTS = KEYS + 2  # every third is rotated, too

ANCHOR_STEPS = {
    "written": r"write\(\d+<[^>]*/anchor\.[0-9a-f]+\.new>",
    "synced": r"fsync\(\d+<[^>]*/anchor\.[0-9a-f]+\.new>\) += 0",
    "in place": r'rename[a-z0-9]*\(.*/anchor\.[0-9a-f]+\.new".*/anchor"\) += 0',
    "directory synced": r"fsync\(\d+<[^>]*(?<!\.new)(?<!-wal)(?<!\.db)>\) += 0$",
}

CALL = re.compile(r"^\d+\s+(\w+)\(\d+<([^>]*)>(.*)$")


def trace(directory: Path, *pragma: str) -> list[str]:
    """Make keys under strace and return its lines, in order."""
    if shutil.which("strace") is None:
        pytest.fail("this test needs strace to see the system calls: apt-get install strace")
    open_all(directory)[0].close()
    output = directory / "trace"
    calls = "trace=write,writev,pwrite64,pwritev,fsync,fdatasync,rename,renameat,renameat2"
    strace = ["strace", "-f", "-y", "-e", calls, "-o", str(output)]
    maker = [sys.executable, "-m", "tests.integration.durability.creator", str(directory), str(KEYS), *pragma]
    subprocess.run([*strace, *maker], check=True, capture_output=True, timeout=60)
    return output.read_text().splitlines()


def count_acknowledgements(lines: list[str]) -> tuple[int, int]:
    """Count the acknowledgements that came after a sync of all that was written to the log, and those that did not."""
    synced = early = 0
    is_log_written = is_log_synced = False
    for line in lines:
        call = CALL.match(line)
        if call is None:
            continue
        name, path, rest = call.groups()
        if path.endswith("hyok.db-wal"):
            if name in ("fsync", "fdatasync"):
                is_log_synced = rest.endswith("= 0")
            else:
                is_log_written, is_log_synced = True, False
        elif '"created ' in rest or '"rotated ' in rest:
            if is_log_written and is_log_synced:
                synced += 1
            else:
                early += 1
            is_log_written = False
    return synced, early


def test_each_acknowledgement_comes_after_the_logs_fsync(tmp_path: Path) -> None:
    assert count_acknowledgements(trace(tmp_path)) == (ACKNOWLEDGEMENTS, 0)


def test_the_proof_notices_a_storage_that_does_not_sync(tmp_path: Path) -> None:
    assert count_acknowledgements(trace(tmp_path, "PRAGMA synchronous=OFF")) == (0, ACKNOWLEDGEMENTS)


def test_the_proof_notices_one_that_syncs_only_at_checkpoints(tmp_path: Path) -> None:
    assert count_acknowledgements(trace(tmp_path, "PRAGMA synchronous=NORMAL")) == (0, ACKNOWLEDGEMENTS)


def test_each_acknowledgement_comes_after_the_anchor_is_written_synced_and_in_place(tmp_path: Path) -> None:
    noted = 0
    steps: list[str] = []
    for line in trace(tmp_path):
        for step, sign in ANCHOR_STEPS.items():
            if re.search(sign, line):
                steps.append(step)
        if '"created ' in line or '"rotated ' in line:
            # After all that the change before left: written and synced under another name, renamed, directory synced.
            assert steps[-4:] == ["written", "synced", "in place", "directory synced"], steps
            noted += 1
            steps.clear()
    assert noted == ACKNOWLEDGEMENTS
