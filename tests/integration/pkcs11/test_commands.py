"""An HSM from the command line: configured, checked, given keys."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hyok.keymanagers.pkcs11.slots import TokenName
from tests.integration.pkcs11.softhsm import PIN, SOFTHSM, SoftHsm

HYOK = Path(sys.executable).with_name("hyok")


def hyok(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HYOK, *arguments], capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("first") / "holder"
    assert hyok("init", directory).returncode == 0
    return directory


@pytest.fixture
def configuration(first_start: Path, tmp_path: Path, hsm: SoftHsm, token: TokenName) -> Path:
    directory = shutil.copytree(first_start, tmp_path / "holder")
    (directory / "hsm-pin").write_bytes(PIN + b"\n")
    (directory / "hsm-pin").chmod(0o600)
    file = directory / "hyok.toml"
    file.write_text(
        file.read_text()
        + f"""
[key_managers.hsm]
kind = "pkcs11"
module = "{SOFTHSM}"
token = {{ label = "{token.value}" }}
pin = "file:hsm-pin"
preset = "softhsm"
"""
    )
    return file


def test_keys_of_an_hsm_are_made_and_changed_by_command(configuration: Path) -> None:
    of_hsm = ("--key-manager", "hsm", "--config", configuration, "--output", "json")
    made = hyok("key", "create", "payroll", "--keystore", "main", *of_hsm)
    assert made.returncode == 0, made.stderr
    for command in (("rotate",), ("disable", "--yes"), ("enable",)):
        changed = hyok("key", *command, "payroll", *of_hsm)
        assert changed.returncode == 0, changed.stderr
    shown = json.loads(hyok("key", "show", "payroll", *of_hsm).stdout)["key"]
    assert (shown["active_version"], shown["state"]) == (2, "enabled")
    again = hyok("key", "create", "payroll", *of_hsm)
    assert again.returncode == 1
    assert "the token has a key 'payroll' already" in again.stderr


def test_a_token_is_tried_when_the_configuration_is_checked(configuration: Path, hsm: SoftHsm) -> None:
    checked = hyok("config", "check", "--config", configuration)
    assert checked.returncode == 0, checked.stderr + checked.stdout
    configuration.with_name("hsm-pin").write_bytes(b"4321")
    checked = hyok("config", "check", "--config", configuration)
    assert checked.returncode != 0
    assert "the token 'prod' refused the PIN" in checked.stdout + checked.stderr


def test_a_token_with_two_names_is_refused(configuration: Path) -> None:
    text = configuration.read_text()
    configuration.write_text(text.replace('label = "prod"', 'label = "prod", slot = 1'))
    run = hyok("key", "list", "--key-manager", "hsm", "--config", configuration)
    assert run.returncode == 2
    assert "key_managers.hsm.token: 2 of label, serial and slot are given; exactly one names it" in run.stderr
