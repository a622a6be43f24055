from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from hyok.cli.main import run
from hyok.custody.file_root import create_file_root

HOLDER = """
[storage]
url = "sqlite:///hyok.db"
[root_key]
source = "file:root.key"
[key_managers.software]
kind = "embedded"
[audit]
directory = "audit"
"""


class Result(NamedTuple):
    status: int
    out: str
    err: str


Hyok = Callable[..., Result]


@pytest.fixture
def hyok(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Hyok:
    """Runs a command line in a directory that has a holder's side."""
    monkeypatch.chdir(tmp_path)
    create_file_root(tmp_path / "root.key")
    (tmp_path / "hyok.toml").write_text(HOLDER)

    def run_command(*arguments: str) -> Result:
        status = run(arguments)
        return Result(status, *capsys.readouterr())

    return run_command
