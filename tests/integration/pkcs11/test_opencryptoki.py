"""openCryptoki's software token keeps the contract of all key managers, and more, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.integration.pkcs11.opencryptoki import soft_token

SUITE = Path(__file__).with_name("opencryptoki_suite.py")


def test_what_is_asked_of_opencryptoki_holds() -> None:
    command = [sys.executable, "-m", "pytest", str(SUITE), "-p", "no:xdist", "-o", "python_files=*_suite.py"]
    with soft_token():
        run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr
    assert " passed" in run.stdout
