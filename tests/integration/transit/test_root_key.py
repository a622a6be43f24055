"""A root key in OpenBao or Vault: it wraps the storage's key and never leaves the server."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from hyok.cli.main import run
from tests.integration.transit.servers import Server

CONFIGURATION = """
[storage]
url = "sqlite:///hyok.db"
[audit]
directory = "audit"
[root_key]
source = "transit:bao/{key}"
[key_managers.software]
kind = "embedded"
[key_managers.bao]
kind = "transit"
servers = ["{address}"]
authorities = "file:ca.pem"
[key_managers.bao.login]
kind = "token"
token = "file:token"
"""


@pytest.fixture
def root_key(server: Server) -> str:
    """A key of the server's, made with its own tools."""
    name = f"root-{uuid.uuid4()}"
    server.do("POST", f"transit/keys/{name}", {"type": "aes256-gcm96"})
    return name


@pytest.fixture
def hyok(
    server: Server,
    root_key: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., str]:
    """Runs a command and returns what it complained of, nothing if it was done."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ca.pem").write_bytes(server.authority.cert_pem.bytes())
    (tmp_path / "token").write_text(server.root_token)
    (tmp_path / "token").chmod(0o600)
    (tmp_path / "hyok.toml").write_text(CONFIGURATION.format(address=server.address, key=root_key))

    def run_command(*arguments: str) -> str:
        status = run((*arguments, "--key-manager", "software"))
        error = capsys.readouterr().err
        assert bool(status) is bool(error)
        return error

    return run_command


def test_a_storage_is_kept_under_a_key_in_the_server(
    hyok: Callable[..., str], server: Server, root_key: str, tmp_path: Path
) -> None:
    assert hyok("key", "create", "payroll") == ""
    server.do("POST", f"transit/keys/{root_key}/rotate", {})
    assert hyok("key", "rotate", "payroll") == ""
    (tmp_path / "token").write_text("s.wrong")
    assert "permission denied" in hyok("key", "rotate", "payroll")


def test_a_root_key_that_is_not_there_is_named_and_nothing_is_made(
    hyok: Callable[..., str], server: Server, tmp_path: Path
) -> None:
    (tmp_path / "hyok.toml").write_text(CONFIGURATION.format(address=server.address, key="no-such-key"))
    assert "root key transit:no-such-key cannot be used: key not found" in hyok("key", "create", "payroll")
