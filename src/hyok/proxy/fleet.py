"""The servers of one storage: each worker process leaves a lease there, which others count, and withdrawals wait for.

A lease says up to which position of the change log its server has taken in what changed. So whoever freezes something
can tell when no server uses it any more: each has acknowledged the freeze, or its process has ended, or it has not been
able to read the log for so long that it refuses all use of keys.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple
from uuid import uuid4

from sqlalchemy import Connection, delete, func, insert, select, update

from hyok.clock import Clock
from hyok.errors import HyokError
from hyok.storage.engine import Storage
from hyok.storage.schema import server_leases

BEAT_SECONDS: Final = 10.0
COUNTED_SECONDS: Final = 40.0
"""How old a proxy's last sign of life may be when it is counted."""
COUNT_KEPT_SECONDS: Final = 20.0
"""How old a count may be. With the age of what it counts: nothing that GetHealthStatus tells is older than a minute."""
ALIVE_SECONDS: Final = 60.0
"""How long a lease that nobody renews is kept at least."""
MOST_LEASES_KEPT: Final = 4.0
"""A lease is taken out when it is older than so many times the server's `stale_after_seconds`, and than a minute."""
_SHARE_BEFORE_LOST: Final = 0.75
"""Of that time, after which a server that could not write its lease refuses all use of keys by itself."""

_log = logging.getLogger(__name__)


class Server(NamedTuple):
    """One worker process."""

    name: str
    """Like no other's, ever."""
    instance: str
    """The proxy that it belongs to: a parent with its workers."""
    host: str
    pid: int
    process: str
    """What tells the process from every other that its system ever ran; see `process_id`."""


def this_server(instance: str) -> Server:
    """Return what this process is among the servers."""
    return Server(uuid4().hex, instance, socket.gethostname(), os.getpid(), process_id(os.getpid()))


def process_id(pid: int) -> str:
    """Name a process so that no other has the name: the boot, the space of process ids, the id, and when it started.

    Empty if there is no such process, as for one of another host or container.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = os.readlink("/proc/self/ns/pid")
        # After the name, which may hold anything but is in parentheses: the 20th field is the start.
        started = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
    return f"{boot} {space} {pid} {started}"


class Fleet:
    """The servers of one storage, as one of them sees them."""

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        *,
        server: Server,
        position: Callable[[], int],
        stale_after_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`position` tells up to where this server has taken in the change log."""
        self._storage = storage
        self._clock = clock
        self._server = server
        self._position = position
        self._stale_after_seconds = stale_after_seconds
        self._monotonic = monotonic
        self._size = 1
        self._counted_at = 0.0
        self._is_failing = False
        self._news = asyncio.Event()
        self.ends_at = 0.0
        """When others may take this server for gone, unless the lease is renewed: it must refuse all use of keys then.

        In seconds of `monotonic`.
        """

    def size(self) -> int:
        """Return how many proxies there are, this one included; 1 while the others cannot be counted."""
        return self._size if self._monotonic() - self._counted_at <= COUNT_KEPT_SECONDS else 1

    def acknowledge(self) -> None:
        """Have it written down, soon and off the loop, that the change log was taken in further."""
        self._news.set()

    async def keep_beating(self) -> None:
        """Write the lease until cancelled, after `acknowledge` at once. It goes on while that fails."""
        while True:
            self._news.clear()
            try:
                await self.beat()
            except HyokError as error:
                if not self._is_failing:
                    _log.warning("this server's lease cannot be written, nor the others be counted: %s", error)
                self._is_failing = True
                await asyncio.sleep(1.0)
            else:
                self._is_failing = False
                try:
                    async with asyncio.timeout(BEAT_SECONDS):
                        await self._news.wait()
                except TimeoutError:
                    pass

    async def beat(self) -> None:
        """Write the lease and count. HyokError if the storage fails."""
        began_at = self._monotonic()
        self._size = await self._storage.run(self._beat)
        self._counted_at = began_at
        self.ends_at = began_at + _SHARE_BEFORE_LOST * kept_seconds(self._stale_after_seconds)

    async def leave(self) -> None:
        """Take the lease out: this server uses no key any more."""
        mine = server_leases.c.server == self._server.name
        try:
            await self._storage.run(lambda connection: connection.execute(delete(server_leases).where(mine)))
        except HyokError as error:
            _log.warning("this server's lease stays until it is too old: %s", error)

    def _beat(self, connection: Connection) -> int:
        now = self._clock.now()
        leases = server_leases
        mine = leases.c.server == self._server.name
        values = {"position": self._position(), "stale_after_seconds": self._stale_after_seconds, "at": now}
        if not connection.execute(update(leases).where(mine).values(values)).rowcount:
            server = self._server
            place = {"instance": server.instance, "host": server.host, "pid": server.pid, "process": server.process}
            connection.execute(insert(leases).values(server=server.name, **place, **values))
        connection.execute(
            delete(leases).where(
                leases.c.at < now - ALIVE_SECONDS, leases.c.at < now - MOST_LEASES_KEPT * leases.c.stale_after_seconds
            )
        )
        alive = leases.c.at >= now - COUNTED_SECONDS
        return connection.scalar(select(func.count(leases.c.instance.distinct())).where(alive)) or 1


def kept_seconds(stale_after_seconds: float) -> float:
    """Return how old a lease may grow before it is taken out."""
    return max(ALIVE_SECONDS, MOST_LEASES_KEPT * stale_after_seconds)
