from __future__ import annotations

import stat
from pathlib import Path

import pytest

from hyok.errors import OperatorError
from hyok.setup.new_directory import new_directory


def fill(draft: Path) -> None:
    (draft / "a").write_text("a")
    (draft / "sub").mkdir()
    (draft / "sub" / "b").write_text("b")
    (draft / "last").write_text("last")


def fill_and_fail(directory: Path, error: type[BaseException]) -> None:
    with new_directory(directory, last="last") as draft:
        fill(draft)
        raise error


def test_everything_moves_up_at_the_end(tmp_path: Path) -> None:
    directory = tmp_path / "new"
    with new_directory(directory, last="last") as draft:
        fill(draft)
        assert not (directory / "a").exists()
    assert sorted(path.name for path in directory.iterdir()) == ["a", "last", "sub"]
    assert (directory / "sub" / "b").read_text() == "b"


@pytest.mark.parametrize("exists", [True, False])
def test_only_the_owner_may_enter(tmp_path: Path, exists: bool) -> None:
    directory = tmp_path / "new"
    if exists:
        directory.mkdir(mode=0o755)
    with new_directory(directory, last="last") as draft:
        assert stat.S_IMODE(draft.stat().st_mode) == 0o700
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_nothing_is_left_of_what_failed(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error):
        fill_and_fail(tmp_path / "new", error)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_directory_that_was_there_stays(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        fill_and_fail(tmp_path, RuntimeError)
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_while_moving_is_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.rename

    def interrupt_at_last(path: Path, target: Path) -> Path:
        if path.name == "last":
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", interrupt_at_last)
    with pytest.raises(KeyboardInterrupt), new_directory(tmp_path / "new", last="last") as draft:
        fill(draft)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_with_content_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(OperatorError) as raised, new_directory(tmp_path, last="last"):
        pass
    assert str(raised.value) == (
        f"{tmp_path} is not empty (it has mine); name a new or empty directory, nothing is overwritten"
    )
    assert (tmp_path / "mine").read_text() == "mine"


def test_what_a_killed_start_left_is_named(tmp_path: Path) -> None:
    (tmp_path / ".unfinished").mkdir()
    with pytest.raises(OperatorError, match="holds what an interrupted start left"), new_directory(tmp_path, last="x"):
        pass


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OperatorError, match="cannot make"), new_directory(tmp_path / "file", last="x"):
        pass
