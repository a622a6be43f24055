"""The package as it is published: wheel and source archive build, are typed, and the wheel runs by itself."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("dist")
    # Without asking an index: what builds the package is pinned and installed already.
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", directory], cwd=ROOT, check=True)
    return directory


def test_the_wheel_holds_the_typed_package_and_its_migrations(built: Path) -> None:
    [wheel] = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "hyok/py.typed" in names
    assert any(name.startswith("hyok/storage/migrations/holder/") for name in names)
    assert not [name for name in names if name.startswith(("tests", "benchmarks"))]


def test_the_source_archive_holds_what_a_packager_needs(built: Path) -> None:
    [archive] = built.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    assert {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "src/hyok/py.typed"} <= names


def test_the_wheel_runs_by_itself(built: Path, tmp_path: Path) -> None:
    [wheel] = built.glob("*.whl")
    subprocess.run([sys.executable, "-m", "zipfile", "-e", wheel, tmp_path / "site"], check=True)
    program = "import hyok; print(hyok.__file__); from hyok.cli.main import main; main()"
    finished = subprocess.run(
        [sys.executable, "-c", program, "init", tmp_path / "made"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.startswith(str(tmp_path / "site"))
    assert (tmp_path / "made/hyok.db").is_file()
