"""The Transit key manager as an operator meets it: a section of hyok.toml, and commands."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from hyok.cli.main import run
from hyok.custody.file_root import create_file_root
from tests.integration.transit.servers import Server

CONFIGURATION = """
[storage]
url = "sqlite:///hyok.db"
[root_key]
source = "file:root.key"
[audit]
directory = "audit"
[key_managers.bao]
kind = "transit"
servers = ["{address}"]
authorities = "file:ca.pem"
[key_managers.bao.login]
kind = "token"
token = "file:token"
"""


class Result(NamedTuple):
    status: int
    out: str
    err: str


Hyok = Callable[..., Result]


@pytest.fixture
def hyok(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Hyok:
    """Runs a command line in a directory whose key manager is the server, with the root's token."""
    monkeypatch.chdir(tmp_path)
    create_file_root(tmp_path / "root.key")
    (tmp_path / "ca.pem").write_bytes(server.authority.cert_pem.bytes())
    (tmp_path / "token").write_text(server.root_token)
    (tmp_path / "token").chmod(0o600)
    (tmp_path / "hyok.toml").write_text(CONFIGURATION.format(address=server.address))

    def run_command(*arguments: str) -> Result:
        status = run(arguments)
        return Result(status, *capsys.readouterr())

    return run_command


def _name() -> str:
    return f"key-{uuid.uuid4()}"


def test_keys_are_made_and_changed_by_command(hyok: Hyok, server: Server) -> None:
    name = _name()
    assert hyok("key", "create", name).status == 0
    assert server.do("GET", f"transit/keys/{name}")["type"] == "aes256-gcm96"
    assert hyok("key", "rotate", name).status == 0
    assert hyok("key", "disable", name, "--yes").status == 0
    found = server.do("GET", f"transit/keys/{name}")
    assert (found["latest_version"], found["soft_deleted"]) == (2, True)
    assert hyok("key", "enable", name).status == 0
    assert name in hyok("key", "list").out
    again = hyok("key", "create", name)
    assert again.status == 1
    assert "exists already" in again.err


def test_check_tries_the_server_and_prints_the_policy_for_the_keys_on_offer(hyok: Hyok) -> None:
    name = _name()
    assert hyok("key", "create", name).status == 0
    assert hyok("keystore", "create", "main").status == 0
    assert hyok("key", "add", name, "--keystore", "main").status == 0
    checked = hyok("config", "check")
    assert checked.status == 0, checked
    assert "answers and takes the login" in checked.out
    assert "The least that key_managers.bao must be allowed there:" in checked.out
    assert f'path "transit/encrypt/{name}" {{ capabilities = ["update"] }}' in checked.out
    document = json.loads(hyok("config", "check", "--output", "json").out)
    assert f'path "transit/keys/{name}" {{ capabilities = ["read"] }}\n' in document["policies"]["bao"]


def test_check_says_why_a_server_cannot_be_used_and_prints_the_policy_all_the_same(
    hyok: Hyok, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HYOK__KEY_MANAGERS__BAO__HEALTH_KEY", "no-such-key")
    checked = hyok("config", "check")
    assert checked.status == 2
    assert "key not found: /v1/transit/keys/no-such-key answered 404" in checked.err
    assert 'path "transit/encrypt/no-such-key"' in checked.out
    (tmp_path / "token").write_text("s.wrong")
    checked = hyok("config", "check")
    assert checked.status == 2
    assert "permission denied" in checked.err
    assert "s.wrong" not in checked.out + checked.err


def test_a_lost_certificate_does_not_stop_commands_that_need_no_server(hyok: Hyok, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").unlink()
    assert hyok("keystore", "create", "main").status == 0
    created = hyok("key", "create", _name())
    assert created.status == 2
    assert "ca.pem" in created.err


def test_a_server_that_is_gone_is_one_sentence_and_a_failure(hyok: Hyok, tmp_path: Path) -> None:
    (tmp_path / "hyok.toml").write_text(CONFIGURATION.format(address="https://localhost:1"))
    created = hyok("key", "create", _name())
    assert created.status == 1
    assert created.err.count("\n") == 1
    assert "no connection to https://localhost:1" in created.err


CLUSTER = """
[key_managers.standby]
kind = "transit"
servers = ["{address}"]
authorities = "file:ca.pem"
login = {{ kind = "token", token = "file:token" }}
[key_managers.both]
kind = "cluster"
members = ["bao", "standby"]
members_replicate = {replicate}
"""


def test_a_cluster_that_replicates_makes_and_rotates_keys_and_needs_its_members_policies(
    hyok: Hyok, server: Server, tmp_path: Path
) -> None:
    file, text = tmp_path / "hyok.toml", (tmp_path / "hyok.toml").read_text()
    file.write_text(text + CLUSTER.format(address=server.address, replicate="false"))
    name, of_cluster = _name(), ("--key-manager", "both")
    hyok("keystore", "create", "main")
    created = hyok("key", "create", name, "--keystore", "main", *of_cluster)
    assert created.status == 0, created.err
    refused = hyok("key", "rotate", name, *of_cluster)
    assert "the members of this cluster do not replicate" in refused.err
    assert server.do("GET", f"transit/keys/{name}")["latest_version"] == 1
    file.write_text(text + CLUSTER.format(address=server.address, replicate="true"))
    assert hyok("key", "rotate", name, *of_cluster).status == 0
    assert server.do("GET", f"transit/keys/{name}")["latest_version"] == 2
    policies = json.loads(hyok("config", "check", "--output", "json").out)["policies"]
    for member in ("bao", "standby"):
        assert f'path "transit/encrypt/{name}" {{ capabilities = ["update"] }}' in policies[member]
    assert "both" not in policies


def test_a_copy_needs_a_policy_of_its_manager(hyok: Hyok, server: Server, tmp_path: Path) -> None:
    file = tmp_path / "hyok.toml"
    file.write_text(file.read_text() + CLUSTER.format(address=server.address, replicate="true"))
    first, second = _name(), _name()
    hyok("keystore", "create", "main")
    assert hyok("key", "create", first, "--key-manager", "bao").status == 0
    assert hyok("key", "create", second, "--key-manager", "standby").status == 0
    added = hyok("key", "add", first, "--keystore", "main", "--key-manager", "bao", "--copy", f"standby:{second}")
    assert added.status == 0, added.err
    policies = json.loads(hyok("config", "check", "--output", "json").out)["policies"]
    assert f'path "transit/decrypt/{second}" {{ capabilities = ["update"] }}' in policies["standby"]
    assert f"/{second}" not in policies["bao"]
