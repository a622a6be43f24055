"""What double encryption is for: all files of one side, in the hands of a separate program, open nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.test_dev import run_once

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that a run of `hyok dev` left."""
    directory = tmp_path_factory.mktemp("two-sides") / "data"
    finished = run_once("--data", str(directory))
    assert finished.returncode == 0, finished.stderr
    return directory


def attack(data: Path, tmp_path: Path, *sides: str) -> str:
    """Give the program copies of these sides only, beside the object."""
    arguments: list[str | Path] = [sys.executable, "-m", "tests.e2e.attacker"]
    arguments.append(next((data / "objects").iterdir()))
    for side in sides:
        arguments += [f"--{side}", shutil.copytree(data / side, tmp_path / side)]
    finished = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.strip()


@pytest.mark.parametrize("side", ["holder", "kms"])
def test_one_side_alone_does_not_open_the_object(data: Path, tmp_path: Path, side: str) -> None:
    assert attack(data, tmp_path, side) == "sealed"


def test_both_sides_together_do_so_that_the_program_is_able_to(data: Path, tmp_path: Path) -> None:
    assert attack(data, tmp_path, "holder", "kms") == "opened"


def test_the_two_sides_have_no_file_in_common(data: Path) -> None:
    contents = {
        side: {
            file.read_bytes(): file.name for file in (data / side).rglob("*") if file.is_file() and file.stat().st_size
        }
        for side in ("holder", "kms")
    }
    common = {contents["holder"][content] for content in contents["holder"].keys() & contents["kms"].keys()}
    # The certificate of the authority that KMS trusts is public.
    assert common <= {"ca.pem"}
