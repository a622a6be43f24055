"""What the proxy's tests share: external keys in a real embedded key manager, made once and never changed by a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hyok.keymanagers.embedded.manager import EmbeddedKeyManager
from tests.unit.proxy.stage import Stage, open_key_manager


@pytest.fixture(scope="session")
def key_manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKeyManager]:
    with open_key_manager(tmp_path_factory.mktemp("keys")) as manager:
        yield manager


@pytest.fixture
def stage(key_manager: EmbeddedKeyManager, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(key_manager, tmp_path / "audit")
    yield stage
    stage.close()
