from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
import stat
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert, select, text

from hyok.errors import OperatorError
from hyok.storage import sqlite
from hyok.storage.engine import Storage, open_storage
from hyok.storage.errors import StorageError
from hyok.storage.schema import Side, credentials, key_stores

ROW = {"name": "dev", "path_prefix": "/dev", "regions": ["eu-central-1"], "created_at": 1.0}


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def digest_of(directory: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in directory.iterdir() if path.is_file()}


def names_in(storage: Storage) -> list[str]:
    with storage.reading() as connection:
        return list(connection.scalars(select(key_stores.c.name).order_by(key_stores.c.name)))


@pytest.mark.sqlite_files
def test_a_new_storage_and_its_directories_are_for_their_owner_only(tmp_path: Path) -> None:
    old_mask = os.umask(0)
    try:
        storage = open_storage(f"sqlite:///{tmp_path}/a/b/hyok.db", Side.HOLDER)
        with storage.transaction() as connection:
            connection.execute(insert(key_stores), ROW)
        modes = {path.name: mode_of(path) for path in (tmp_path / "a" / "b").iterdir()}
        storage.close()
    finally:
        os.umask(old_mask)
    assert modes == {"hyok.db": 0o600, "hyok.db-wal": 0o600, "hyok.db-shm": 0o600}
    assert mode_of(tmp_path / "a") == mode_of(tmp_path / "a" / "b") == 0o700


@pytest.mark.sqlite_files
def test_the_directory_of_a_new_storage_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    real_fsync = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        real_fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    open_storage(f"sqlite:///{tmp_path}/a/b/hyok.db", Side.HOLDER).close()
    assert synced == [str(tmp_path), str(tmp_path / "a"), str(tmp_path / "a" / "b")]


@pytest.mark.sqlite_files
@pytest.mark.parametrize("write", [True, False])
def test_every_connection_is_durable_and_keeps_references(holder_storage: Storage, write: bool) -> None:
    def pragmas(connection: Connection) -> dict[str, object]:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "secure_delete")
        return {name: connection.scalar(text(f"PRAGMA {name}")) for name in names}

    with holder_storage.transaction() if write else holder_storage.reading() as connection:
        found = pragmas(connection)
    full = 2
    assert found == {
        "journal_mode": "wal",
        "synchronous": full,
        "foreign_keys": 1,
        "busy_timeout": 5000,
        "secure_delete": 1,
    }


def test_what_a_transaction_wrote_is_there_after_opening_again(holder_url: str) -> None:
    storage = open_storage(holder_url, Side.HOLDER)
    with storage.transaction() as connection:
        connection.execute(insert(key_stores), ROW)
    storage.close()
    again = open_storage(holder_url, Side.HOLDER)
    assert names_in(again) == ["dev"]
    again.close()


@pytest.mark.sqlite_files
def test_opening_again_changes_no_byte(tmp_path: Path, holder_url: str) -> None:
    open_storage(holder_url, Side.HOLDER).close()
    before = digest_of(tmp_path)
    open_storage(holder_url, Side.HOLDER).close()
    assert digest_of(tmp_path) == before


@pytest.mark.sqlite_files
def test_a_restored_backup_without_a_write_ahead_log_gets_one(tmp_path: Path, holder_url: str) -> None:
    open_storage(holder_url, Side.HOLDER).close()
    with closing(sqlite3.connect(tmp_path / "holder.db")) as source:
        source.execute(f"VACUUM INTO '{tmp_path}/restored.db'")
    storage = open_storage(f"sqlite:///{tmp_path}/restored.db", Side.HOLDER)
    with storage.reading() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
    storage.close()


def test_an_error_undoes_the_whole_transaction(holder_storage: Storage) -> None:
    def fail_late() -> None:
        with holder_storage.transaction() as connection:
            connection.execute(insert(key_stores), ROW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_late()
    assert names_in(holder_storage) == []


def test_a_row_without_what_it_refers_to_is_refused_without_telling_its_values(holder_storage: Storage) -> None:
    orphan = {"access_key_id": "CANARY-ID", "key_store": "none", "sealed_secret": b"CANARY", "created_at": 1.0}
    with pytest.raises(StorageError, match=r"(?i)foreign key") as caught, holder_storage.transaction() as connection:
        connection.execute(insert(credentials), orphan)
    assert "CANARY" not in str(caught.value) + str(caught.value.__cause__)


def test_writers_take_turns_instead_of_failing(holder_url: str) -> None:
    first = open_storage(holder_url, Side.HOLDER)
    second = open_storage(holder_url, Side.HOLDER)  # as another process would
    inside = threading.Event()

    def write_slowly() -> None:
        with first.transaction() as connection:
            connection.execute(insert(key_stores), ROW)
            inside.set()
            time.sleep(0.2)

    writer = threading.Thread(target=write_slowly)
    writer.start()
    inside.wait()
    with second.transaction() as connection:
        seen = list(connection.scalars(select(key_stores.c.name)))
    writer.join()
    first.close()
    second.close()
    assert seen == ["dev"]


@pytest.mark.sqlite_files
def test_a_writer_that_waits_too_long_is_told_so(holder_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "CONNECTION_PRAGMAS", ("PRAGMA busy_timeout=50",))
    first = open_storage(holder_url, Side.HOLDER)
    second = open_storage(holder_url, Side.HOLDER)
    with first.transaction(), pytest.raises(StorageError, match="locked"), second.transaction():
        raise AssertionError("two writers at once")
    first.close()
    second.close()


def test_a_reader_sees_one_state_while_another_writes(holder_storage: Storage) -> None:
    with holder_storage.reading() as reader:
        before = reader.scalar(text("SELECT count(*) FROM key_stores"))
        with holder_storage.transaction() as writer:
            writer.execute(insert(key_stores), ROW)
        assert reader.scalar(text("SELECT count(*) FROM key_stores")) == before == 0
    assert names_in(holder_storage) == ["dev"]


def test_work_from_the_event_loop_runs_in_the_storages_own_threads(holder_storage: Storage) -> None:
    def write(connection: Connection) -> str:
        connection.execute(insert(key_stores), ROW)
        return threading.current_thread().name

    def read(connection: Connection) -> tuple[str, str | None]:
        return threading.current_thread().name, connection.scalar(select(key_stores.c.name))

    async def both() -> tuple[str, tuple[str, str | None]]:
        return await holder_storage.run(write), await holder_storage.read(read)

    writer, (reader, name) = asyncio.run(both())
    assert name == "dev"
    assert "storage-write" in writer
    assert "storage-read" in reader


def test_a_read_does_not_wait_for_a_write(holder_storage: Storage) -> None:
    release = threading.Event()

    def write_slowly(connection: Connection) -> None:
        connection.execute(insert(key_stores), ROW)
        assert release.wait(5)

    def count(connection: Connection) -> int:
        return len(connection.scalars(select(key_stores.c.name)).all())

    async def both() -> int:
        writing = asyncio.ensure_future(holder_storage.run(write_slowly))
        try:
            return await asyncio.wait_for(holder_storage.read(count), 3)
        finally:
            release.set()
            await writing

    assert asyncio.run(both()) == 0


@pytest.mark.sqlite_files
@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("not a url", "cannot be read"),
        ("mysql://db/hyok", "'mysql' is not supported"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:////tmp/x.db?mode=ro", "names no file"),
    ],
)
def test_a_url_that_names_no_sqlite_file_is_refused(url: str, told: str) -> None:
    with pytest.raises(OperatorError, match=told):
        open_storage(url, Side.HOLDER)


@pytest.mark.sqlite_files
def test_a_place_that_cannot_be_created_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OperatorError, match="cannot be created: Not a directory"):
        open_storage(f"sqlite:///{tmp_path}/file/hyok.db", Side.HOLDER)


@pytest.mark.sqlite_files
def test_a_directory_is_no_storage(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="is not a file"):
        open_storage(f"sqlite:///{tmp_path}", Side.HOLDER)


@pytest.mark.sqlite_files
def test_a_storage_that_may_not_be_written_is_refused(
    holder_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_storage(holder_url, Side.HOLDER).close()
    # Root may write anywhere, so the kernel's answer is played.
    monkeypatch.setattr(os, "access", lambda path, mode: not (path == tmp_path and mode & os.W_OK))
    with pytest.raises(OperatorError, match="cannot be written"):
        open_storage(holder_url, Side.HOLDER)


@pytest.mark.sqlite_files
def test_a_full_disk_undoes_the_transaction_and_is_named(holder_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    open_storage(holder_url, Side.HOLDER).close()
    monkeypatch.setattr(sqlite, "CONNECTION_PRAGMAS", (*sqlite.CONNECTION_PRAGMAS, "PRAGMA max_page_count=1"))
    storage = open_storage(holder_url, Side.HOLDER)  # may not grow by a page

    def write_much() -> None:
        with storage.transaction() as connection:
            connection.execute(insert(key_stores), ROW)
            connection.execute(insert(key_stores), {**ROW, "name": "x" * 9000, "path_prefix": "/x"})

    with pytest.raises(StorageError, match="full"):
        write_much()
    assert names_in(storage) == []
    storage.close()


@pytest.mark.sqlite_files
def test_what_was_deleted_is_in_neither_file_once_the_log_is_emptied(tmp_path: Path) -> None:
    storage = open_storage(f"sqlite:///{tmp_path}/hyok.db", Side.HOLDER)
    marker = b"deleted-for-good"

    def is_in_a_file() -> bool:
        return any(marker in path.read_bytes() for path in tmp_path.iterdir())

    with storage.transaction() as connection:
        connection.execute(insert(key_stores), ROW)
        row = {"access_key_id": "a", "key_store": "dev", "sealed_secret": marker, "created_at": 1.0}
        connection.execute(insert(credentials), row)
    with storage.transaction() as connection:
        connection.execute(credentials.delete())
    assert is_in_a_file()
    assert asyncio.run(storage.erase_traces()) is True
    assert not is_in_a_file()
    storage.close()


@pytest.mark.sqlite_files
def test_a_reader_keeps_the_log_and_is_not_disturbed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pragmas = tuple(pragma.replace("5000", "50") for pragma in sqlite.CONNECTION_PRAGMAS)
    monkeypatch.setattr(sqlite, "CONNECTION_PRAGMAS", pragmas)
    storage = open_storage(f"sqlite:///{tmp_path}/hyok.db", Side.HOLDER)
    with storage.reading() as reader:
        assert reader.scalar(select(key_stores.c.name)) is None
        with storage.transaction() as connection:
            connection.execute(insert(key_stores), ROW)
        assert asyncio.run(storage.erase_traces()) is False
        assert reader.scalar(select(key_stores.c.name)) is None
    assert asyncio.run(storage.erase_traces()) is True
    storage.close()
