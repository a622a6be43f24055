from __future__ import annotations

from pathlib import Path

import pytest

from hyok.config.configuration import Configuration, load_configuration
from hyok.errors import OperatorError
from hyok.supervisor.changes import refuse_lasting_changes
from hyok.supervisor.launcher import STRICT_TLS, workers_environment
from tests.unit.supervisor.stage import CONFIGURATION


def load(directory: Path, **changes: str) -> Configuration:
    (directory / "hyok.toml").write_text(CONFIGURATION)
    return load_configuration(directory / "hyok.toml", changes)


def test_what_is_meant_for_the_parent_is_kept_from_workers(tmp_path: Path) -> None:
    parents = {"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1", "LISTEN_FDS": "1", "LISTEN_PID": "1"}
    kept = {"PATH": "/bin", "HYOK__PROXY__WORKERS": "2", "CREDENTIALS_DIRECTORY": "/run/credentials/hyok"}
    assert workers_environment(parents | {"LISTEN_FDNAMES": "proxy"} | kept, load(tmp_path)) == kept


def test_a_root_key_in_a_variable_is_kept_from_workers(tmp_path: Path) -> None:
    configuration = load(tmp_path, HYOK__ROOT_KEY__SOURCE="env:ROOT")
    assert workers_environment({"ROOT": "hyok-root-1 …", "A": "b"}, configuration) == {"A": "b"}


def test_strict_suites_come_with_a_configuration_of_openssl_unless_the_operator_has_one(tmp_path: Path) -> None:
    configuration = load(tmp_path, HYOK__PROXY__TLS_SUITES="strict")
    assert workers_environment({}, configuration) == {"OPENSSL_CONF": str(STRICT_TLS)}
    assert workers_environment({"OPENSSL_CONF": "/mine"}, configuration) == {"OPENSSL_CONF": "/mine"}
    assert STRICT_TLS.is_file()


@pytest.mark.parametrize(
    ("variable", "value", "name"),
    [
        ("HYOK__STORAGE__URL", "sqlite:///other.db", "storage"),
        ("HYOK__ROOT_KEY__SOURCE", "file:other.key", "root_key"),
        ("HYOK__PROXY__LISTEN", "127.0.0.1:1", "proxy.listen"),
        ("HYOK__PROXY__HEALTH_LISTEN", "127.0.0.1:1", "proxy.health_listen"),
    ],
)
def test_what_the_parent_holds_changes_only_at_a_restart(tmp_path: Path, variable: str, value: str, name: str) -> None:
    with pytest.raises(OperatorError) as raised:
        refuse_lasting_changes(load(tmp_path), load(tmp_path, **{variable: value}))
    assert str(raised.value) == f"{name} can change only at a restart"


@pytest.mark.parametrize(
    ("variable", "value"),
    [("HYOK__PROXY__WORKERS", "5"), ("HYOK__PROXY__CERTIFICATE", "file:b.pem"), ("HYOK__AUDIT__DIRECTORY", "/b")],
)
def test_everything_else_changes_online(tmp_path: Path, variable: str, value: str) -> None:
    refuse_lasting_changes(load(tmp_path), load(tmp_path, **{variable: value}))
