from __future__ import annotations

import base64
import os
import stat
from pathlib import Path

import pytest

from hyok.custody.file_root import create_file_root, open_file_root
from hyok.errors import OperatorError

LINE = b"hyok-root-1 " + base64.b64encode(bytes(32)) + b"\n"


def write(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_a_created_root_opens_as_the_same_key(tmp_path: Path) -> None:
    created = create_file_root(tmp_path / "root")
    opened = open_file_root(tmp_path / "root")
    assert opened.id == created.id
    assert opened.unwrap(created.wrap(b"kek", b"context"), b"context") == b"kek"


def test_two_created_roots_are_two_keys(tmp_path: Path) -> None:
    assert create_file_root(tmp_path / "a").id != create_file_root(tmp_path / "b").id


def test_the_file_is_one_line_for_its_owner_only(tmp_path: Path) -> None:
    old_mask = os.umask(0)
    try:
        create_file_root(tmp_path / "new" / "root")
    finally:
        os.umask(old_mask)
    path = tmp_path / "new" / "root"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert path.read_bytes().startswith(b"hyok-root-1 ")
    assert path.read_bytes().count(b"\n") == 1


def test_file_and_directory_are_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    real_fsync = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        real_fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    create_file_root(tmp_path / "root")
    assert [Path(path).parent for path in synced] == [tmp_path, tmp_path.parent]
    assert synced[1] == str(tmp_path)


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    create_file_root(tmp_path / "root")
    before = (tmp_path / "root").read_bytes()
    with pytest.raises(OperatorError, match="exists already and is never overwritten"):
        create_file_root(tmp_path / "root")
    assert (tmp_path / "root").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_half_a_key_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OperatorError, match="cannot be created: No space left"):
        create_file_root(tmp_path / "root")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "file", b"")
    with pytest.raises(OperatorError, match="cannot be created: Not a directory"):
        create_file_root(tmp_path / "file" / "root")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601, 0o644])
def test_a_file_that_others_may_use_is_refused_with_what_to_do(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path / "root", LINE, mode)
    with pytest.raises(OperatorError, match=f"has mode {mode:04o}.*run chmod 600 {path}"):
        open_file_root(path)


def test_a_file_that_its_owner_may_only_read_is_taken(tmp_path: Path) -> None:
    assert open_file_root(write(tmp_path / "root", LINE, 0o400)).id


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is not a root key file"),
        (b"hyok-root-2 " + LINE[12:], "is not a root key file"),
        (base64.b64encode(bytes(32)) + b"\n", "is not a root key file"),
        (b"hyok-root-1 !!!!\n", "is not Base64"),
        (b"hyok-root-1 " + base64.b64encode(bytes(31)) + b"\n", "is not 32 bytes"),
        (b"hyok-root-1 " + base64.b64encode(bytes(33)) + b"\n", "is not 32 bytes"),
        (LINE + LINE, "is not Base64"),
        (LINE[:-3] + b"B=\n", "is not 32 bytes in plain Base64"),  # trailing bits that Base64 would ignore
        (LINE.replace(b"1 ", b"1  "), "is not Base64"),
    ],
)
def test_a_file_that_is_no_root_key_is_refused_without_showing_it(tmp_path: Path, content: bytes, told: str) -> None:
    path = write(tmp_path / "root", content)
    with pytest.raises(OperatorError, match=told) as caught:
        open_file_root(path)
    assert "AAAA" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=f"{tmp_path}/root cannot be read: No such file"):
        open_file_root(tmp_path / "root")


def test_a_directory_is_no_root_key_file(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="cannot be read: Is a directory"):
        open_file_root(tmp_path)


def test_a_device_is_no_root_key_file() -> None:
    with pytest.raises(OperatorError, match="is not a regular file"):
        open_file_root(Path("/dev/null"))
