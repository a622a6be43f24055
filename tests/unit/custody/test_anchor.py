from __future__ import annotations

import multiprocessing
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hyok.assembly.sides import anchor_storage, renew_anchor
from hyok.config.settings import StorageSettings
from hyok.config.values import StorageUrl
from hyok.custody.anchor import Anchor, parse_anchor
from hyok.custody.root_key import LocalRootKey
from hyok.custody.safe import Safe, open_safe
from hyok.errors import OperatorError
from hyok.keymanagers.embedded.administrator import EmbeddedKeyAdministrator
from hyok.keymanagers.interface import KeyUsage
from hyok.secret import Secret
from hyok.storage.engine import open_storage
from hyok.storage.errors import StorageError
from hyok.storage.schema import Side
from tests.unit.storage.fixtures import SetClock

ROOT = LocalRootKey(Secret(bytes(range(32))))
BOTH = frozenset(KeyUsage)


class Installation:
    """A holder's storage and its anchor."""

    def __init__(self, directory: Path) -> None:
        self.database = directory / "data" / "hyok.db"
        self.anchor = directory / "anchor" / "holder.anchor"
        self.settings = StorageSettings(url=StorageUrl(self.database), anchor=self.anchor)

    @contextmanager
    def opened(self) -> Iterator[EmbeddedKeyAdministrator]:
        """Open as every server and command does."""
        storage = open_storage(f"sqlite:///{self.database}", Side.HOLDER)
        try:
            safe = open_safe(storage, ROOT)
            anchor_storage(storage, safe, self.settings)
            yield EmbeddedKeyAdministrator(storage, safe, SetClock())
        finally:
            storage.close()

    def copy(self, to: Path) -> None:
        """Copy the database as a backup would: all servers have stopped."""
        shutil.copytree(self.database.parent, to)

    def restore(self, source: Path) -> None:
        """Put a copy in the database's place."""
        shutil.rmtree(self.database.parent)
        shutil.copytree(source, self.database.parent)


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path)


def test_an_older_copy_of_the_database_is_refused(installation: Installation, tmp_path: Path) -> None:
    with installation.opened() as administrator:
        administrator.create_key("a", BOTH)
    installation.copy(tmp_path / "copy")
    with installation.opened() as administrator:
        administrator.disable_key("a")
    installation.restore(tmp_path / "copy")
    with (
        pytest.raises(OperatorError, match=r"is an older copy: its newest change is number 1, .* knows of number 2\. "),
        installation.opened(),
    ):
        pass


def test_the_same_copy_and_a_newer_one_are_taken(installation: Installation, tmp_path: Path) -> None:
    with installation.opened() as administrator:
        administrator.create_key("a", BOTH)
    installation.copy(tmp_path / "copy")
    installation.restore(tmp_path / "copy")
    with installation.opened():
        pass
    anchor = installation.anchor.read_bytes()
    with installation.opened() as administrator:
        administrator.create_key("b", BOTH)
    installation.anchor.write_bytes(anchor)  # as after a crash between the change and its note
    with installation.opened() as administrator:
        administrator.create_key("c", BOTH)
    assert b" 3 " in installation.anchor.read_bytes()


def test_an_older_copy_taken_on_purpose_is_the_newest_one_then(installation: Installation, tmp_path: Path) -> None:
    with installation.opened() as administrator:
        administrator.create_key("a", BOTH)
    installation.copy(tmp_path / "copy")
    with installation.opened() as administrator:
        administrator.create_key("b", BOTH)
    installation.restore(tmp_path / "copy")
    storage = open_storage(f"sqlite:///{installation.database}", Side.HOLDER)
    renew_anchor(storage, open_safe(storage, ROOT), installation.settings)
    storage.close()
    with installation.opened() as administrator:
        assert [key.key_id for key in administrator.list_keys()] == ["a"]
        administrator.create_key("c", BOTH)


def test_a_new_storage_gets_its_anchor_and_an_old_one_does_not(installation: Installation) -> None:
    with installation.opened() as administrator:
        administrator.create_key("a", BOTH)
    assert installation.anchor.stat().st_mode & 0o777 == 0o600
    installation.anchor.unlink()
    with pytest.raises(OperatorError, match="is not there, and without it nobody knows"), installation.opened():
        pass
    assert not installation.anchor.exists()


def test_a_change_that_the_anchor_cannot_note_is_not_acknowledged(installation: Installation) -> None:
    with installation.opened() as administrator:
        administrator.create_key("a", BOTH)
        installation.anchor.unlink()
        with pytest.raises(StorageError, match="is gone: the change is in the storage but is not acknowledged"):
            administrator.create_key("b", BOTH)
        shutil.rmtree(installation.anchor.parent)
        with pytest.raises(StorageError, match=r"cannot be noted in the anchor .*: No such file or directory"):
            administrator.create_key("c", BOTH)


@pytest.mark.parametrize(
    ("alter", "sentence"),
    [
        (lambda line: line.replace(" 1 ", " 0 "), "is not sealed by this storage's key: it was altered"),
        (
            lambda line: line[:-2] + ("0" if line[-2] != "0" else "1") + "\n",
            "is not sealed by this storage's key: it was altered",
        ),
        (lambda line: line.replace(line.split(" ")[1], "0" * 32), "is that of another storage"),
        (lambda line: line.rstrip("\n"), "is not an anchor; expected one line"),
        (lambda line: line.replace(" 1 ", " 01 "), "is not an anchor"),
        (lambda line: "", r"\(0 bytes\) is not an anchor"),
    ],
)
def test_an_altered_anchor_is_refused(installation: Installation, alter: object, sentence: str) -> None:
    with installation.opened() as administrator:
        administrator.create_key("a", BOTH)
    assert callable(alter)
    installation.anchor.write_text(alter(installation.anchor.read_text()))
    with pytest.raises(OperatorError, match=sentence), installation.opened():
        pass


def test_its_files_belong_to_whom_their_directory_does(tmp_path: Path) -> None:
    directory = tmp_path / "anchor"
    directory.mkdir()
    if os.geteuid() == 0:  # else all is one user's anyway
        os.chown(directory, 12345, 12345)
    anchor = Anchor(directory / "holder", Safe("store", [Secret(bytes(32))]))
    anchor.reset(1)
    anchor.advance(2)
    assert {path.stat().st_uid for path in directory.iterdir()} == {directory.stat().st_uid}


def _advance(path: Path, first: int) -> None:
    anchor = Anchor(path, Safe("store", [Secret(bytes(32))]))
    for position in range(first, 100, 4):
        anchor.advance(position)


def test_processes_that_advance_together_leave_the_highest(tmp_path: Path) -> None:
    anchor = Anchor(tmp_path / "anchor", Safe("store", [Secret(bytes(32))]))
    anchor.check(0, location="here")
    processes = [multiprocessing.Process(target=_advance, args=(anchor.path, first)) for first in (1, 2, 3, 4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert parse_anchor(anchor.path.read_bytes(), location="here").position == 99
    assert sorted(os.listdir(tmp_path)) == ["anchor", "anchor.lock"]
