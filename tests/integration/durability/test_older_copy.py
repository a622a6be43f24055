"""Whatever copy of the database is put in its place: an older one is refused, by its anchor."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from hyok.errors import OperatorError
from tests.integration.durability.life import Installation
from tests.integration.durability.test_kill import Lives, lives
from tests.sizes import size

COPIES = size(usual=10, nightly=100)
DATABASE = ("hyok.db", "hyok.db-wal", "hyok.db-shm")

__all__ = ["lives"]  # the fixture


def copy_database(source: Path, target: Path) -> None:
    """Put a copy of the database's files in the place of those there."""
    target.mkdir(exist_ok=True)
    for name in DATABASE:
        (target / name).unlink(missing_ok=True)
        if (source / name).exists():
            shutil.copy(source / name, target / name)


def refusal_of(directory: Path) -> str:
    """Start as after a crash, and say why that is refused."""
    with pytest.raises(OperatorError) as refused:
        Installation(directory)
    return str(refused.value)


def test_every_older_copy_is_refused_and_the_newest_is_not(tmp_path: Path, lives: Lives) -> None:
    source = random.Random(20240517)
    place = tmp_path / "place"
    place.mkdir()
    Installation(place).storage.close()
    copies: list[Path] = []
    while len(copies) < COPIES:
        lines = lives.run_until_killed(place, seconds=source.uniform(0.1, 0.2))
        if any(verb in ("created", "imported") for verb, *_ in lines):
            copies.append(tmp_path / f"copy-{len(copies)}")
            copy_database(place, copies[-1])
    for copy in copies[:-1]:
        copy_database(copy, place)
        assert "an older copy" in refusal_of(place)
    copy_database(copies[-1], place)
    Installation(place).storage.close()


def test_a_database_without_its_write_ahead_log_is_an_older_copy(tmp_path: Path, lives: Lives) -> None:
    Installation(tmp_path).storage.close()  # with this change of the schema, and no other, in the database itself
    while not any(verb == "sealed" for verb, *_ in lives.run_until_killed(tmp_path, seconds=0.15)):
        pass
    for name in DATABASE[1:]:
        (tmp_path / name).unlink()
    assert "an older copy" in refusal_of(tmp_path)
