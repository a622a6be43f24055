"""What systemd and a service agree on: notifications (sd_notify(3)) and sockets it has opened (sd_listen_fds(3))."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Collection, Mapping
from typing import Final

from hyok.errors import OperatorError

_FIRST_DESCRIPTOR: Final = 3
VARIABLES: Final = frozenset(
    ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")
)
"""What is meant for one process and not for its children."""


class Notifier:
    """Tells systemd how the service is; without systemd it does nothing."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self.watchdog_seconds = _watchdog_seconds(environment)
        """How often at least systemd wants to hear that all is well; None if it does not."""

    def notify(self, *assignments: str) -> None:
        """Send assignments such as `READY=1`. Never fails: that nobody listens is not the service's trouble."""
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as notifying:
            try:
                notifying.sendto("\n".join(assignments).encode(), self._address)
            except OSError:
                return

    def reloading(self) -> None:
        """Say that a reload begins; `READY=1` ends it."""
        self.notify("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")


def inherited_listeners(environment: Mapping[str, str], names: Collection[str]) -> Mapping[str, list[socket.socket]]:
    """Take the listening sockets that systemd passed to this process, by name; none if it passed none.

    OperatorError if one has a name that is not among `names`, or is no listening TCP socket.
    """
    if environment.get("LISTEN_PID") != str(os.getpid()):
        return {}
    count = int(environment.get("LISTEN_FDS", "0"))
    given = environment.get("LISTEN_FDNAMES", "").split(":")
    passed = [given[index] if index < len(given) else "" for index in range(count)]
    unknown = next((name for name in passed if name not in names), None)
    if unknown is not None:
        raise OperatorError(
            f"systemd passed a socket named {unknown!r}; set FileDescriptorName= in its .socket unit to one of: "
            f"{', '.join(sorted(names))}"
        )
    listeners: dict[str, list[socket.socket]] = {}
    for descriptor, name in enumerate(passed, start=_FIRST_DESCRIPTOR):
        listeners.setdefault(name, []).append(_take(descriptor, name))
    return listeners


def _take(descriptor: int, name: str) -> socket.socket:
    os.set_inheritable(descriptor, False)
    taken = socket.socket(fileno=descriptor)
    is_tcp = taken.family in (socket.AF_INET, socket.AF_INET6) and taken.type == socket.SOCK_STREAM
    if not is_tcp or not taken.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        taken.close()
        raise OperatorError(f"the socket named {name!r} that systemd passed is no listening TCP socket")
    taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    taken.setblocking(False)
    return taken


def _watchdog_seconds(environment: Mapping[str, str]) -> float | None:
    microseconds = environment.get("WATCHDOG_USEC")
    if not microseconds or environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(microseconds) / 1e6
