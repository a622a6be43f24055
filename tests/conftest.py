"""What holds for all tests."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# The same examples each time; a slow machine is no failure.
settings.register_profile("hyok", deadline=None, derandomize=True, print_blob=False)
settings.load_profile("hyok")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which Transit server the tests ran against, and whether Terraform itself was among them."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    tests = [report.nodeid for report in reports if isinstance(report, pytest.TestReport)]
    if any("test_terraform" in test for test in tests) and "HYOK_TEST_TERRAFORM" not in os.environ:
        terminalreporter.write_line(
            "Terraform was tested by the calls of its provider; HYOK_TEST_TERRAFORM=plugin-folder runs Terraform itself"
        )
    if not any(map(_needs_transit, tests)):
        return
    openbao = os.environ.get("HYOK_TEST_OPENBAO")
    against = openbao or "a double, not OpenBao itself; HYOK_TEST_OPENBAO=path/to/bao runs the same tests against that"
    terminalreporter.write_line(f"Transit was tested against {against}")


def _needs_transit(test: str) -> bool:
    return "transit" in test.lower() and test.startswith(("tests/integration/", "tests/contract/", "tests/e2e/"))
