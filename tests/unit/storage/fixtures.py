"""Storages and a safe for the tests of everything that stands on them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hyok.custody.root_key import LocalRootKey
from hyok.custody.safe import Safe, open_safe
from hyok.secret import Secret
from hyok.storage.engine import Storage, open_storage
from hyok.storage.schema import Side
from tests.storages import storage_url


class SetClock:
    """Shows the time it was set to."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.time = now

    def now(self) -> float:
        """Return the time it was set to."""
        return self.time


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def holder_url(tmp_path: Path) -> str:
    return storage_url(tmp_path / "holder.db", Side.HOLDER)


@pytest.fixture
def holder_storage(holder_url: str) -> Iterator[Storage]:
    storage = open_storage(holder_url, Side.HOLDER)
    yield storage
    storage.close()


@pytest.fixture
def safe(holder_storage: Storage) -> Safe:
    return open_safe(holder_storage, LocalRootKey(Secret(bytes(range(32)))))
