from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.metrics.proxies import Measured, make_measured_start
from tests.integration.supervisor.rig import running_proxy


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    """A proxy with two workers and metrics, shared by all tests here: each puts back what it changes."""
    start = make_measured_start(tmp_path_factory.mktemp("measured") / "start")
    with running_proxy(start) as proxy:
        assert proxy.port
        yield Measured(start, proxy)
