"""The KMIP key manager as an operator meets it: a section of hyok.toml, and commands."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from hyok.assembly.holder import load_holder_state, open_holder
from hyok.cli.main import run
from hyok.config.configuration import load_configuration
from hyok.custody.file_root import create_file_root
from tests.integration.kmip.managers import soon
from tests.integration.kmip.pykmip import NAME, PyKmipServer

CONFIGURATION = """
[storage]
url = "sqlite:///hyok.db"
[root_key]
source = "file:root.key"
[audit]
directory = "audit"
[key_managers.hsm]
kind = "kmip"
address = "{address}"
server_name = "{name}"
authorities = "file:ca.pem"
client_certificate = "file:client.pem"
client_private_key = "file:client.key"
versions = ["2.0", "1.4"]
iv = "server"
health_key = "command-line-health"
"""


class Result(NamedTuple):
    status: int
    out: str
    err: str


Hyok = Callable[..., Result]


@pytest.fixture
def hyok(
    server: PyKmipServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Hyok:
    """Runs a command line in a directory whose key manager is the server."""
    monkeypatch.chdir(tmp_path)
    create_file_root(tmp_path / "root.key")
    for name in ("ca.pem", "client.pem", "client.key"):
        shutil.copy(server.directory / name, tmp_path)
    (tmp_path / "client.key").chmod(0o600)
    (tmp_path / "hyok.toml").write_text(CONFIGURATION.format(address=server.address, name=NAME))

    def run_command(*arguments: str) -> Result:
        status = run(arguments)
        return Result(status, *capsys.readouterr())

    return run_command


def test_keys_are_made_and_changed_by_command(hyok: Hyok, key_id: str) -> None:
    assert hyok("key", "create", key_id).status == 0
    assert hyok("key", "rotate", key_id).status == 0
    assert hyok("key", "disable", key_id, "--yes").status == 0
    shown = json.loads(hyok("key", "show", key_id, "--output", "json").out)["key"]
    assert (shown["version_count"], shown["state"].lower()) == (2, "disabled")
    assert hyok("key", "enable", key_id).status == 0
    assert key_id in hyok("key", "list").out
    again = hyok("key", "create", key_id)
    assert again.status == 1
    assert "already" in again.err


def test_check_tries_the_server(hyok: Hyok) -> None:
    assert hyok("key", "create", "command-line-health").status == 0
    checked = hyok("config", "check")
    assert checked.status == 0, checked
    assert "key_managers.hsm" in checked.out


def test_check_says_what_does_not_work(hyok: Hyok, tmp_path: Path) -> None:
    configuration = tmp_path / "hyok.toml"
    configuration.write_text(configuration.read_text().replace(NAME, "another.test"))
    checked = hyok("config", "check")
    assert checked.status == 2
    assert "no TLS" in checked.out


def test_a_version_that_hyok_does_not_speak_is_a_mistake_in_the_configuration(hyok: Hyok, tmp_path: Path) -> None:
    configuration = tmp_path / "hyok.toml"
    configuration.write_text(configuration.read_text().replace('"2.0"', '"1.3"'))
    shown = hyok("config", "show")
    assert shown.status == 2
    assert 'allowed is a list of "2.1", "2.0" and "1.4"' in shown.err


def test_the_proxys_key_manager_is_as_configured(hyok: Hyok, tmp_path: Path, key_id: str) -> None:
    assert hyok("key", "create", key_id).status == 0
    configuration = load_configuration(tmp_path / "hyok.toml", {})

    async def scenario() -> bytes:
        with open_holder(configuration) as holder:
            manager = load_holder_state(holder, configuration.require_holder()).key_managers["hsm"]
            version = await manager.active_version(key_id, soon())
            sealed = await manager.encrypt(version, b"plaintext", b"aad", soon())
            assert len(sealed.iv) == 16  # PyKMIP's own
            opened = await manager.decrypt(version, sealed, b"aad", soon())
            await manager.aclose()
        return opened

    assert asyncio.run(scenario()) == b"plaintext"
