"""The example units fit the program: names of sockets, the command, and who is told to stop."""

from __future__ import annotations

from configparser import RawConfigParser
from pathlib import Path

import pytest

from hyok.cli.main import hyok_command
from hyok.supervisor.workforce import Times

UNITS = Path(__file__).parents[3] / "packaging" / "systemd"
SERVICE = "hyok-proxy@.service"


def read(name: str) -> RawConfigParser:
    unit = RawConfigParser(strict=True)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # names of directives are case-sensitive
    unit.read_string((UNITS / name).read_text())
    return unit


def test_the_service_inherits_every_socket_there_is() -> None:
    sockets = {unit.name for unit in UNITS.glob("*.socket")}
    assert set(read(SERVICE)["Service"]["Sockets"].split()) == sockets


@pytest.mark.parametrize("name", [unit.name for unit in UNITS.glob("*.socket")])
def test_each_socket_says_what_it_is_for_and_whom_it_starts(name: str) -> None:
    socket = read(name)["Socket"]
    assert (
        socket["FileDescriptorName"]
        == {
            "hyok-proxy.socket": "proxy",
            "hyok-proxy-health.socket": "health",
            "hyok-proxy-metrics.socket": "metrics",
        }[name]
    )
    assert socket["Service"] == SERVICE.replace("@.", "@blue.")


def test_the_service_runs_a_command_that_there_is_and_waits_as_long_as_a_stop_takes() -> None:
    service = read(SERVICE)["Service"]
    _, group, command, *_ = service["ExecStart"].split()
    below = hyok_command.get_command(None, group)  # type: ignore[arg-type]  # a context is not asked for
    assert below is not None
    assert command in below.commands  # type: ignore[attr-defined]  # it is a group
    assert service["KillMode"] == "mixed"
    assert float(service["TimeoutStopSec"].rstrip("s")) > Times().stop
    assert float(service["WatchdogSec"].rstrip("s")) > Times().hang


def test_systemd_does_not_give_up_starting_the_service() -> None:
    assert read(SERVICE)["Service"]["Restart"] == "on-failure"
    assert read(SERVICE)["Unit"]["StartLimitIntervalSec"] == "0"
