"""The tests of everything that stands on a storage, once more on PostgreSQL, and PostgreSQL's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hyok.storage.schema import Side
from tests.postgresql import PostgresqlDatabases, PostgresqlServer, running_postgresql
from tests.sizes import is_nightly
from tests.storages import copy_storage, use_places, use_places_before
from tests.unit.kms.running import RunningKms, running_kms
from tests.unit.storage.fixtures import clock, holder_storage, holder_url, safe

__all__ = ["clock", "holder_storage", "holder_url", "safe"]

NIGHTLY = frozenset(
    {
        "test_custody_rewrapping",
        "test_custody_safe",
        "test_embedded_manager",
        "test_kms_keys",
        "test_operations_key_policies",
        "test_operations_keys",
        "test_operations_rotation",
        "test_operations_tags",
    }
)
"""Each test's database costs some 100 ms."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out here what is about SQLite's files alone, and by day what stands farther from the storage."""
    here = Path(__file__).parent
    left_out = [
        item
        for item in items
        if here in item.path.parents
        and (item.get_closest_marker("sqlite_files") or (item.path.stem in NIGHTLY and not is_nightly()))
    ]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresqlServer]:
    with running_postgresql() as running:
        yield running


@pytest.fixture(scope="session")
def databases(server: PostgresqlServer) -> PostgresqlDatabases:
    return PostgresqlDatabases(server)


@pytest.fixture(autouse=True)
def on_postgresql(databases: PostgresqlDatabases) -> Iterator[None]:
    """Let the test's storages be databases of the server."""
    use_places(databases)
    try:
        yield
    finally:
        use_places_before()


@pytest.fixture(scope="session")
def storage_with_store(tmp_path_factory: pytest.TempPathFactory, databases: PostgresqlDatabases) -> Path:
    """As the fixture of the KMS's unit tests, for the whole session."""
    directory = tmp_path_factory.mktemp("kms")
    use_places(databases)
    try:
        with running_kms(directory) as running:
            running.add_store()
    finally:
        use_places_before()
    return directory


@pytest.fixture
def kms(tmp_path: Path, storage_with_store: Path) -> Iterator[RunningKms]:
    """A KMS service with one connected external key store."""
    copy_storage(storage_with_store / "kms.db", tmp_path / "kms" / "kms.db", Side.KMS)
    with running_kms(tmp_path / "kms") as running:
        yield running
