"""On a full disk each change is done or refused, and nothing that was acknowledged is lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(("what", "at_least_refused"), [("storage", 6), ("anchor", 1)])
def test_a_change_on_a_full_disk_is_done_or_refused_and_never_half_done(
    tmp_path: Path, what: str, at_least_refused: int
) -> None:
    namespace = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*namespace, "true"], check=False).returncode != 0:
        pytest.fail("this test mounts a small disk in a user namespace of its own: allow them, or run it as root")
    script = [sys.executable, "-m", "tests.integration.durability.full_disk", str(tmp_path), what]
    run = subprocess.run([*namespace, *script], check=False, capture_output=True, text=True, timeout=100)
    assert run.returncode == 0, run.stderr
    done, refused = map(int, run.stdout.split())
    assert done > 10, "the disk was too full for the test to prove anything"
    assert refused >= at_least_refused, "the disk was not full enough for the test to prove anything"
