from __future__ import annotations

from collections.abc import Iterator

import pytest

from hyok.keymanagers.kmip.setup import KmipSetup
from hyok.keymanagers.kmip.vocabulary import KMIP_1_4, KMIP_2_0, ProtocolVersion
from tests.integration.kmip.pykmip import PyKmipServer


@pytest.fixture(scope="session")
def running_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PyKmipServer]:
    """A server for all tests that leave it running."""
    with PyKmipServer(tmp_path_factory.mktemp("pykmip")) as running:
        yield running


@pytest.fixture
def server(running_server: PyKmipServer) -> Iterator[PyKmipServer]:
    """A server without keys."""
    yield running_server
    running_server.forget_all_keys()


@pytest.fixture(params=[KMIP_1_4, KMIP_2_0], ids=str)
def version(request: pytest.FixtureRequest) -> ProtocolVersion:
    """The versions that hyok and PyKMIP have in common."""
    version: ProtocolVersion = request.param
    return version


@pytest.fixture
def setup(server: PyKmipServer, version: ProtocolVersion) -> KmipSetup:
    """The server in one version."""
    return server.setup(version)


@pytest.fixture
def key_id(request: pytest.FixtureRequest) -> str:
    """A name of this test's own."""
    return "".join(character if character.isalnum() else "-" for character in request.node.name)[-100:].strip("-")
