"""Each import-linter contract, broken on purpose in a copy: a contract that cannot fail protects nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")

BREAKS = {
    "A package imports only what stands below it": ("xks/aad.py", "import hyok.transport.messages"),
    "Services never import a concrete key manager": ("proxy/routing.py", "import hyok.keymanagers.embedded"),
    "Key managers never import one another": ("keymanagers/kmip/health.py", "import hyok.keymanagers.transit.wire"),
    "The wire formats do no input or output": ("sigv4/signing.py", "import socket"),
    "Only the transport uses ssl and the HTTP server": ("kms/keys.py", "import ssl"),
    "The proxy and the KMS service never import one another": ("proxy/routing.py", "import hyok.kms.keys"),
    "Nothing outside tests imports the test help": ("cli/main.py", "import hyok.testing.key_managers"),
}


def lint(directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINT_IMPORTS, "--no-cache"],
        cwd=directory,
        env={"PYTHONPATH": str(directory / "src"), "NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def house(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    return tmp_path


@pytest.mark.parametrize("contract", BREAKS)
def test_a_contract_notices_when_it_is_broken(house: Path, contract: str) -> None:
    module, forbidden_import = BREAKS[contract]
    path = house / "src/hyok" / module
    path.write_text(path.read_text() + f"\n{forbidden_import}\n")
    result = lint(house)
    assert result.returncode == 1, result.stdout + result.stderr
    assert f"{contract} BROKEN" in result.stdout


def test_every_contract_is_broken_by_one_of_these_tests() -> None:
    named = [
        line.removeprefix("name = ") for line in (ROOT / ".importlinter").read_text().splitlines() if "name = " in line
    ]
    assert sorted(named) == sorted(BREAKS)


def test_the_house_keeps_its_contracts(house: Path) -> None:
    result = lint(house)
    assert result.returncode == 0, result.stdout + result.stderr
