from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.integration.kms.misbehaving_proxy import MisbehavingProxy
from tests.integration.kms.rig import HOST, Rig, server_tls


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def certificate(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert(HOST, "other.hyok.test")


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def proxy(runner: asyncio.Runner, certificate: trustme.LeafCert) -> Iterator[MisbehavingProxy]:
    proxy = MisbehavingProxy(server_tls(certificate))
    runner.run(proxy.start())
    yield proxy
    runner.run(proxy.stop())


@pytest.fixture
def rig(tmp_path: Path, runner: asyncio.Runner, authority: trustme.CA, proxy: MisbehavingProxy) -> Iterator[Rig]:
    """A KMS that trusts the proxy's authority and finds it under two host names."""
    rig = Rig(tmp_path, runner, authority=authority, ports={HOST: proxy.port, "other.hyok.test": proxy.port})
    yield rig
    rig.close()
