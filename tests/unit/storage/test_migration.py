from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from hyok.errors import OperatorError
from hyok.storage import migration
from hyok.storage.engine import open_storage
from hyok.storage.schema import HEADS, Side
from tests.unit.storage.test_engine import digest_of


@pytest.mark.parametrize("side", Side)
def test_migrations_make_exactly_the_schema(tmp_path: Path, side: Side) -> None:
    storage = open_storage(f"sqlite:///{tmp_path}/a.db", side)
    with storage.reading() as connection:
        differences = compare_metadata(
            MigrationContext.configure(connection, opts={"compare_type": True}), side.metadata
        )
    storage.close()
    assert differences == []


@pytest.mark.parametrize("side", Side)
def test_the_named_head_is_the_newest_migration(side: Side) -> None:
    folder = Path(migration.__file__).parent / "migrations"
    scripts = ScriptDirectory(str(folder), version_locations=[str(folder / side.value)])
    assert scripts.get_heads() == [HEADS[side]]


def test_migrating_leaves_logging_as_it_was(tmp_path: Path) -> None:
    def state() -> object:
        names = ("", "alembic", "alembic.runtime.migration", "sqlalchemy", "sqlalchemy.engine")
        loggers = [logging.getLogger(name) for name in names]
        return [
            (it.level, it.disabled, it.propagate, list(it.handlers)) for it in loggers
        ], logging.root.manager.disable

    before = state()
    open_storage(f"sqlite:///{tmp_path}/a.db", Side.HOLDER).close()
    assert state() == before


def refusal(path: Path, side: Side) -> str:
    before = digest_of(path.parent)
    with pytest.raises(OperatorError) as caught:
        open_storage(f"sqlite:///{path}", side)
    assert digest_of(path.parent) == before
    return str(caught.value)


@pytest.mark.parametrize(
    ("owner", "asked", "told"),
    [
        (Side.HOLDER, Side.KMS, "is the storage of the key holder (proxy and key manager), not of the KMS service"),
        (Side.KMS, Side.HOLDER, "is the storage of the KMS service, not of the key holder (proxy and key manager)"),
    ],
)
def test_the_other_sides_storage_is_refused_untouched(tmp_path: Path, owner: Side, asked: Side, told: str) -> None:
    open_storage(f"sqlite:///{tmp_path}/a.db", owner).close()
    assert told in refusal(tmp_path / "a.db", asked)


def test_a_storage_of_a_newer_hyok_is_refused_untouched(tmp_path: Path) -> None:
    open_storage(f"sqlite:///{tmp_path}/a.db", Side.HOLDER).close()
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'holder_0999'")
    assert f"newer than {HEADS[Side.HOLDER]}" in refusal(tmp_path / "a.db", Side.HOLDER)


def test_another_programs_database_is_refused_untouched(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection, connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    assert "of another program" in refusal(tmp_path / "a.db", Side.HOLDER)


def test_a_file_that_is_no_database_is_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"-----BEGIN CERTIFICATE-----\n" * 100)
    assert "file is not a database" in refusal(tmp_path / "a.db", Side.HOLDER)


def test_a_key_store_whose_row_was_frozen_by_hand_never_serves_again_by_an_upgrade(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    open_storage(f"sqlite:///{path}", Side.HOLDER).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("ALTER TABLE key_stores ADD COLUMN state TEXT NOT NULL DEFAULT 'frozen'")
        connection.execute(
            "INSERT INTO key_stores (name, path_prefix, regions, created_at) VALUES ('main', '/main', '[]', 1)"
        )
        connection.execute("UPDATE alembic_version SET version_num = 'holder_0009'")
    assert "not active: main (frozen)" in refusal(path, Side.HOLDER)

    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE key_stores SET state = 'active'")
    open_storage(f"sqlite:///{path}", Side.HOLDER).close()
    with closing(sqlite3.connect(path)) as connection:
        assert [row[1] for row in connection.execute("PRAGMA table_info(key_stores)")] == [
            *("name", "path_prefix", "regions", "created_at", "quota", "predecessors")
        ]
        assert connection.execute("SELECT name FROM key_stores").fetchall() == [("main",)]


def test_processes_that_start_together_migrate_once(tmp_path: Path) -> None:
    start = (
        "import sys; from hyok.storage.engine import open_storage; from hyok.storage.schema import Side\n"
        "sys.stdin.readline(); open_storage(sys.argv[1], Side.HOLDER).close()"
    )
    command = [sys.executable, "-c", start, f"sqlite:///{tmp_path}/a.db"]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], errors
