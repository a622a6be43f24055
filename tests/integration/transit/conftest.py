from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.transit.servers import Server, running_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with Transit mounted and AppRole enabled, for all tests that leave it as they found it."""
    with running_server(tmp_path_factory.mktemp("transit")) as running:
        running.do("POST", "sys/mounts/transit", {"type": "transit"})
        running.do("POST", "sys/auth/approle", {"type": "approle"})
        yield running
