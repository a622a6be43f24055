"""What systemd is told, and an upgrade on a socket that it holds."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.supervisor.rig import HYOK, Load, ProxyProcess, Start, await_true, running_proxy

ACTIVATOR = Path(__file__).with_name("activator.py")


class Manager:
    """Hears what a service notifies."""

    def __init__(self, directory: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.address = str(directory / "notify")
        self._socket.bind(self.address)
        self._socket.setblocking(False)
        self.heard: list[str] = []

    def has_heard(self, assignment: str, *, times: int = 1) -> bool:
        while True:
            try:
                self.heard += self._socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                return sum(each.startswith(assignment) for each in self.heard) >= times

    def await_hearing(self, assignment: str, *, times: int = 1) -> None:
        await_true(lambda: self.has_heard(assignment, times=times), what=lambda: self.heard)

    def close(self) -> None:
        self._socket.close()


def test_systemd_is_told_how_it_goes_and_the_watchdog_hears_of_workers_that_are_well(
    start: Start, tmp_path: Path
) -> None:
    manager = Manager(tmp_path)
    with running_proxy(
        start, environment={"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "1500000"}, workers=1
    ) as proxy:
        manager.await_hearing("READY=1")
        manager.await_hearing("STATUS=1 of 1 workers serve")
        manager.await_hearing("WATCHDOG=1", times=2)
        # A parent that is alive is not enough: this worker's loop stands still.
        (worker,) = proxy.workers()
        os.kill(worker, signal.SIGSTOP)
        time.sleep(3.5)  # until the last beat is no longer fresh
        manager.has_heard("")
        manager.heard.clear()
        time.sleep(1.0)
        assert not manager.has_heard("WATCHDOG=1")
        os.kill(worker, signal.SIGCONT)
        manager.await_hearing("WATCHDOG=1")
        proxy.send(signal.SIGHUP)
        manager.await_hearing("RELOADING=1")
        manager.await_hearing("READY=1")
        proxy.send(signal.SIGTERM)
        manager.await_hearing("STOPPING=1")
        assert proxy.wait() == 0
    assert manager.heard.index("RELOADING=1") < manager.heard.index("READY=1") < manager.heard.index("STOPPING=1")
    manager.close()


@contextmanager
def activated(start: Start, listener: socket.socket, name: str = "proxy") -> Iterator[ProxyProcess]:
    descriptor = listener.fileno()
    command = [sys.executable, str(ACTIVATOR), str(descriptor), name, *HYOK, "proxy", "serve"]
    with running_proxy(start, command=command, pass_fds=[descriptor], workers=1) as proxy:
        yield proxy


def test_an_upgrade_on_one_socket_loses_neither_request_nor_connection(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with activated(start, listener) as old:
            assert old.port == port
            with Load(start, port) as load, activated(start, listener) as new:
                assert new.port == port
                load.go_on()
                old.send(signal.SIGTERM)
                assert old.wait() == 0
                load.go_on(answers=100)
                assert load.failures == []
                load.finish()


def test_a_socket_with_a_name_that_means_nothing_is_a_sentence(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, activated(start, listener, "hyok.socket") as proxy:
        assert proxy.wait() == 2
    (sentence,) = proxy.other_lines
    assert sentence.startswith("hyok: systemd passed a socket named 'hyok.socket'; set FileDescriptorName= ")
