from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hyok.storage.schema import Side
from tests.storages import copy_storage
from tests.unit.kms.running import RunningKms, running_kms


@pytest.fixture(scope="session")
def storage_with_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A storage that holds one connected external key store: made once, because each test begins with a copy."""
    directory = tmp_path_factory.mktemp("kms")
    with running_kms(directory) as running:
        running.add_store()
    return directory


@pytest.fixture
def kms(tmp_path: Path, storage_with_store: Path) -> Iterator[RunningKms]:
    """A KMS service with one connected external key store."""
    directory = tmp_path / "kms"
    copy_storage(storage_with_store / "kms.db", directory / "kms.db", Side.KMS)
    with running_kms(directory) as running:
        yield running
