"""docs/spec-conformance.md tells the truth as far as names go: each module in it exists, each test in it runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from benchmarks.__main__ import BENCHMARKS

ROOT = Path(__file__).parents[2]
ROWS = [
    line
    for line in (ROOT / "docs" / "spec-conformance.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith(("| requirement", "| ---"))
]
NAMED_TEST = re.compile(r"`([\w/]+\.py)::(\w+)`")
NAMED_MODULE = re.compile(r"`([\w/]+\.py)`")
NAMED_BENCHMARK = re.compile(r"`scripts/bench ([\w-]+)`")
THAT_RUN = "not (skip or skipif or xfail or nightly)"


def test_the_table_is_there() -> None:
    assert len(ROWS) > 80


def test_every_row_names_a_requirement_a_level_and_a_test_or_benchmark() -> None:
    for row in ROWS:
        requirement, level, module, test = (cell.strip() for cell in row.strip("|").split("|"))
        assert requirement, row
        assert level in ("MUST", "SHOULD", "MAY", ""), row
        assert NAMED_MODULE.search(module), row
        assert NAMED_TEST.search(test) or set(NAMED_BENCHMARK.findall(test)) & set(BENCHMARKS), row


def test_every_test_named_is_collected_and_not_skipped() -> None:
    named = {f"tests/{path}::{name}" for row in ROWS for path, name in NAMED_TEST.findall(row)}

    assert sorted(named - collected({test.partition("::")[0] for test in named})) == []


def test_a_test_that_is_not_there_would_be_noticed() -> None:
    own = Path(__file__).relative_to(ROOT).as_posix()

    assert collected({own}) >= {f"{own}::test_the_table_is_there"}
    assert f"{own}::test_that_nobody_wrote" not in collected({own})


def test_every_module_named_exists() -> None:
    named = {match for row in ROWS for match in NAMED_MODULE.findall(row)}

    assert [module for module in sorted(named) if not (ROOT / "src" / "hyok" / module).is_file()] == []


def collected(files: set[str]) -> set[str]:
    """Return the tests that pytest finds in these files and would run, without their parameters."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-m", THAT_RUN, *sorted(files)]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert listed.returncode == 0, listed.stdout + listed.stderr
    return {line.partition("[")[0] for line in listed.stdout.splitlines() if "::" in line}
