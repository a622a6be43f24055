"""docs/spec-conformance.md tells the truth as far as names go: each module and each test in it exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = [
    line
    for line in (ROOT / "docs" / "spec-conformance.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith(("| requirement", "| ---"))
]
NAMED_TEST = re.compile(r"`([\w/]+\.py)::(\w+)`")
NAMED_MODULE = re.compile(r"`([\w/]+\.py)`")


def functions_of(path: Path) -> set[str]:
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}


def test_the_table_is_there() -> None:
    assert len(ROWS) > 50


def test_every_row_names_a_requirement_a_level_and_a_test_or_says_not_yet() -> None:
    for row in ROWS:
        requirement, level, module, test = (cell.strip() for cell in row.strip("|").split("|"))
        assert requirement, row
        assert level in ("MUST", "SHOULD", "MAY", ""), row
        assert (NAMED_MODULE.search(module) and NAMED_TEST.search(test)) or "not yet" in test, row


def test_every_test_named_exists() -> None:
    named = {match for row in ROWS for match in NAMED_TEST.findall(row)}

    missing = [f"{path}::{name}" for path, name in sorted(named) if name not in functions_of(ROOT / "tests" / path)]

    assert missing == []


def test_every_module_named_exists() -> None:
    named = {match for row in ROWS for match in NAMED_MODULE.findall(row)}

    assert [module for module in sorted(named) if not (ROOT / "src" / "hyok" / module).is_file()] == []
