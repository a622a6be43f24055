from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from hyok.errors import OperatorError
from hyok.supervisor import systemd
from hyok.supervisor.systemd import Notifier, inherited_listeners

NAMES = ("proxy", "health")
PID = str(os.getpid())


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[socket.socket]]:
    """Sockets at consecutive descriptors, as systemd passes them, but not from 3 on: those are in use here."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    first = max(each.fileno() for each in sockets) + 50
    for index, each in enumerate(sockets):
        os.dup2(each.fileno(), first + index)
    monkeypatch.setattr(systemd, "_FIRST_DESCRIPTOR", first)
    yield sockets
    for index, each in enumerate(sockets):
        each.close()
        try:
            os.close(first + index)
        except OSError:
            continue  # the test closed it


def take(count: int, names: str) -> dict[str, list[socket.socket]]:
    environment = {"LISTEN_PID": PID, "LISTEN_FDS": str(count), "LISTEN_FDNAMES": names}
    return dict(inherited_listeners(environment, NAMES))


def test_sockets_are_taken_by_name_several_for_one_and_stay_with_this_process(passed: list[socket.socket]) -> None:
    taken = take(3, "proxy:health:proxy")
    addresses = {name: [each.getsockname() for each in of_one] for name, of_one in taken.items()}
    assert addresses == {
        "proxy": [passed[0].getsockname(), passed[2].getsockname()],
        "health": [passed[1].getsockname()],
    }
    for of_one in taken.values():
        for each in of_one:
            assert not each.get_inheritable()
            assert each.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            each.close()


@pytest.mark.parametrize("names", ["hyok.socket", "", "proxy:heatlh"])
def test_a_name_that_means_nothing_is_refused(passed: list[socket.socket], names: str) -> None:
    del passed
    with pytest.raises(OperatorError, match="set FileDescriptorName= in its"):
        take(2, names)


def test_what_does_not_listen_is_refused(passed: list[socket.socket]) -> None:
    with socket.socket() as silent:
        os.dup2(silent.fileno(), systemd._FIRST_DESCRIPTOR)
        with pytest.raises(OperatorError, match="is no listening TCP socket"):
            take(1, "proxy")
    del passed


@pytest.mark.parametrize("environment", [{}, {"LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "proxy"}])
def test_sockets_for_another_process_are_left_alone(environment: dict[str, str]) -> None:
    assert inherited_listeners(environment, NAMES) == {}


@pytest.mark.parametrize("is_abstract", [True, False])
def test_assignments_reach_systemd_one_a_line(tmp_path: Path, *, is_abstract: bool) -> None:
    name = f"@hyok-test-{os.getpid()}" if is_abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name.replace("@", "\0"))
        manager.settimeout(5)
        notifier = Notifier({"NOTIFY_SOCKET": name})
        notifier.notify("READY=1", "STATUS=2 of 2 workers serve")
        assert manager.recv(1000) == b"READY=1\nSTATUS=2 of 2 workers serve"
        notifier.reloading()
        assert manager.recv(1000).startswith(b"RELOADING=1\nMONOTONIC_USEC=")


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": "/no/such/socket"}])
def test_without_systemd_nothing_is_sent_and_nothing_fails(environment: dict[str, str]) -> None:
    Notifier(environment).notify("READY=1")


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": PID}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_heeded_if_it_is_ours(environment: dict[str, str], seconds: float | None) -> None:
    assert Notifier(environment).watchdog_seconds == seconds
