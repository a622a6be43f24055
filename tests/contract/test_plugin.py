"""The guide for people who write a key manager, followed to the letter: contract, comparison, and use by hyok."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs/key-managers/writing-your-own.md"
HYOK = Path(sys.executable).with_name("hyok")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The guide's package, installed as pip would leave it, and nothing else of the repository."""
    directory = tmp_path / "site"
    directory.mkdir()
    for name, text in re.findall(r"```python\n# (\w+\.py)\n(.*?)```", GUIDE.read_text(), re.DOTALL):
        (directory / name).write_text(text)
    (entry_point,) = re.findall(r'```toml\n# pyproject.*?\n(\w+) = "(.*?)"\n```', GUIDE.read_text(), re.DOTALL)
    information = directory / "acme_keys-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-keys\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[hyok.key_managers]\n{} = {}\n".format(*entry_point))
    return directory


def run(package: Path, *command: str | Path, directory: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(package)}
    return subprocess.run(command, capture_output=True, text=True, cwd=directory, env=environment)


def test_the_example_keeps_the_contract(package: Path) -> None:
    tested = run(package, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", ".", directory=package)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert re.search(r"2\d passed", tested.stdout), tested.stdout


def test_hyok_uses_a_key_manager_that_another_package_brings(package: Path, tmp_path: Path) -> None:
    holder, keys = tmp_path / "holder", tmp_path / "keys"
    keys.mkdir()
    assert run(package, HYOK, "init", holder, directory=tmp_path).returncode == 0
    with (holder / "hyok.toml").open("a") as file:
        file.write(f'[key_managers.acme]\nkind = "plugin"\nplugin = "acme"\nsettings = {{ directory = "{keys}" }}\n')
    config = ("--config", holder / "hyok.toml")
    made = run(package, HYOK, "key", "create", "k", "--key-manager", "acme", *config, directory=tmp_path)
    assert made.returncode == 0, made.stderr
    assert (keys / "k" / "1").stat().st_size == 32
    checked = run(package, HYOK, "config", "check", *config, "--output", "json", directory=tmp_path)
    assert checked.returncode == 0, checked.stderr
    findings = {each["setting"]: each["outcome"] for each in json.loads(checked.stdout)["checks"]}
    assert findings["key_managers.acme"] == "ok"


def test_a_plugin_that_is_not_installed_is_named(tmp_path: Path) -> None:
    holder = tmp_path / "holder"
    assert run(tmp_path, HYOK, "init", holder, directory=tmp_path).returncode == 0
    with (holder / "hyok.toml").open("a") as file:
        file.write('[key_managers.acme]\nkind = "plugin"\nplugin = "acme"\n')
    listed = run(tmp_path, HYOK, "key", "list", "--config", holder / "hyok.toml", directory=tmp_path)
    assert listed.returncode == 2
    assert "no installed package brings a key manager 'acme' (hyok.key_managers); there are: none" in listed.stderr
