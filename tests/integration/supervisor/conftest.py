from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.integration.supervisor.rig import ProxyProcess, Start, make_start, running_proxy


@pytest.fixture(scope="session")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> Start:
    return make_start(tmp_path_factory.mktemp("first") / "start")


@pytest.fixture
def start(first_start: Start, tmp_path: Path) -> Start:
    """A start of its own for each test: all paths in it are relative."""
    return first_start.moved(shutil.copytree(first_start.directory, tmp_path / "start"))


class Pair(NamedTuple):
    """A proxy with two workers, shared by the tests of a module."""

    start: Start
    proxy: ProxyProcess


@pytest.fixture(scope="module")
def pair(first_start: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    start = first_start.moved(shutil.copytree(first_start.directory, tmp_path_factory.mktemp("pair") / "start"))
    with running_proxy(
        start,
        environment={
            "HYOK__ROOT_KEY__SOURCE": "env:ROOT_FOR_THE_PARENT",
            "ROOT_FOR_THE_PARENT": (start.directory / "root.key").read_text(),
            "NOTIFY_SOCKET": "/nowhere",
        },
    ) as proxy:
        assert proxy.port
        yield Pair(start, proxy)
