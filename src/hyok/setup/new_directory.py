"""A directory that appears whole or not at all: it is filled in a draft inside, whose entries then move up."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from hyok.errors import OperatorError
from hyok.storage.files import sync_directory

_DRAFT: Final = ".unfinished"


@contextmanager
def new_directory(directory: Path, *, last: str) -> Iterator[Path]:
    """Give the draft in which to make the content; the entry named `last` moves last.

    The directory is made (mode 0700), or is there and empty; OperatorError otherwise. If the block fails or is
    interrupted, all is as it was. After a `kill -9` the draft is left, and named by the next attempt.
    """
    is_ours = not directory.exists()
    draft = directory / _DRAFT
    try:
        _refuse_content(directory)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft.mkdir(mode=0o700)
    except OSError as error:
        raise OperatorError(
            f"cannot make {directory}: {error.strerror}; name a directory this user may make"
        ) from error
    moved: list[Path] = []
    try:
        yield draft
        for entry in sorted(draft.iterdir(), key=lambda entry: entry.name == last):
            target = directory / entry.name
            moved.append(target)
            entry.rename(target)
        directory.chmod(0o700)
        draft.rmdir()
        sync_directory(directory)
        sync_directory(directory.parent)
    except BaseException:
        _undo(directory, draft, moved, is_ours=is_ours)
        raise


def _refuse_content(directory: Path) -> None:
    if not directory.exists():
        return
    present = sorted(os.listdir(directory))
    if _DRAFT in present:
        raise OperatorError(
            f"{directory} holds what an interrupted start left in {_DRAFT}; it was never in use: remove {directory} "
            "and begin again"
        )
    if present:
        raise OperatorError(
            f"{directory} is not empty (it has {present[0]}); name a new or empty directory, nothing is overwritten"
        )


def _undo(directory: Path, draft: Path, moved: list[Path], *, is_ours: bool) -> None:
    for path in (*moved, draft):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    if is_ours:
        with suppress(OSError):  # somebody else put something in meanwhile
            directory.rmdir()
