"""What the proxy's tests share: external keys in a real embedded key manager, made once and never changed by a test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hyok.clock import SystemClock
from hyok.custody.root_key import LocalRootKey
from hyok.custody.safe import open_safe
from hyok.keymanagers.embedded.administrator import EmbeddedKeyAdministrator
from hyok.keymanagers.embedded.manager import EmbeddedKeyManager
from hyok.keymanagers.interface import KeyUsage
from hyok.secret import Secret
from hyok.storage.engine import open_storage
from hyok.storage.schema import Side
from tests.unit.proxy.stage import (
    BETA_KEY,
    DECRYPT_ONLY_KEY,
    DISABLED_KEY,
    ENCRYPT_ONLY_KEY,
    KEY,
    ROTATED_KEY,
    UNOFFERED_KEY,
    Stage,
)


@pytest.fixture(scope="session")
def key_manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKeyManager]:
    directory = tmp_path_factory.mktemp("keys")
    storage = open_storage(f"sqlite:///{directory / 'hyok.db'}", Side.HOLDER)
    safe = open_safe(storage, LocalRootKey(Secret(os.urandom(32))))
    administrator = EmbeddedKeyAdministrator(storage, safe, SystemClock())
    for key_id in (KEY, BETA_KEY, UNOFFERED_KEY, DISABLED_KEY, ROTATED_KEY):
        administrator.create_key(key_id, frozenset(KeyUsage))
    administrator.create_key(ENCRYPT_ONLY_KEY, frozenset({KeyUsage.ENCRYPT}))
    administrator.create_key(DECRYPT_ONLY_KEY, frozenset({KeyUsage.DECRYPT}))
    administrator.disable_key(DISABLED_KEY)
    administrator.rotate_key(ROTATED_KEY)
    yield EmbeddedKeyManager(storage, safe)
    storage.close()


@pytest.fixture
def stage(key_manager: EmbeddedKeyManager, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(key_manager, tmp_path / "audit")
    yield stage
    stage.close()
