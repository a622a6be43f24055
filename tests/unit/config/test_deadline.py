"""`[proxy.deadline]`: by when a request is answered."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from hyok.assembly.proxy_endpoints import proxy_endpoints
from hyok.errors import OperatorError
from hyok.metrics.registry import MetricsRegistry
from hyok.proxy.pipeline import ProxyService
from hyok.transport.limits import TimeBudget
from hyok.transport.reloading import ReplaceableTls
from tests.unit.config.files import HOLDER, load


def budget(directory: Path, lines: str) -> TimeBudget:
    settings = load(directory, f"{HOLDER}\n[proxy.deadline]\n{lines}\n").require_proxy()
    (endpoint,) = proxy_endpoints(
        settings,
        cast("ProxyService", None),
        cast("ReplaceableTls", SimpleNamespace(context=None)),
        MetricsRegistry(),
    )
    return endpoint.budget


def test_the_defaults_are_the_transports(tmp_path: Path) -> None:
    assert budget(tmp_path, "") == TimeBudget()


def test_a_proxy_far_from_its_region_can_answer_earlier(tmp_path: Path) -> None:
    assert budget(tmp_path, "request_seconds = 0.15\nfirst_request_seconds = 0.08") == TimeBudget(
        request_seconds=0.15, first_request_seconds=0.08
    )


@pytest.mark.parametrize("line", ["request_seconds = 0.26", "first_request_seconds = 0.0", "call_seconds = 1.0"])
def test_a_deadline_that_aws_kms_would_not_wait_for_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(OperatorError, match=rf"proxy\.deadline\.{line.split(maxsplit=1)[0]}"):
        load(tmp_path, f"{HOLDER}\n[proxy.deadline]\n{line}\n")
