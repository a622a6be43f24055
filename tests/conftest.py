"""What holds for all tests."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# The same examples each time; a slow machine is no failure.
settings.register_profile("hyok", deadline=None, derandomize=True, print_blob=False)
settings.load_profile("hyok")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which Transit server the tests ran against."""
    reports = (report for kind in ("passed", "failed", "error") for report in terminalreporter.getreports(kind))
    if any("transit" in report.nodeid for report in reports if isinstance(report, pytest.TestReport)):
        openbao = os.environ.get("HYOK_TEST_OPENBAO")
        against = (
            f"against {openbao}" if openbao else "against a double, not OpenBao itself (HYOK_TEST_OPENBAO=path/to/bao)"
        )
        terminalreporter.write_line(f"Transit was tested {against}")
