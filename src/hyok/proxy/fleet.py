"""How many proxies serve from the same storage: each leaves a sign of life there and counts those of the others.

A proxy is a parent with its workers. They share one name, and each of them writes it: it does not matter which lives.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select, update

from hyok.clock import Clock
from hyok.errors import HyokError
from hyok.storage.engine import Storage
from hyok.storage.schema import proxy_heartbeats

BEAT_SECONDS: Final = 10.0
ALIVE_SECONDS: Final = 60.0
"""How old a sign of life may be. Nothing that GetHealthStatus tells may be older than a minute."""

_log = logging.getLogger(__name__)


class Fleet:
    """The proxies of one storage, as one of them sees them."""

    def __init__(self, storage: Storage, clock: Clock, *, instance: str) -> None:
        """`instance` tells this proxy from the others."""
        self._storage = storage
        self._clock = clock
        self._instance = instance
        self._size = 1
        self._is_failing = False

    def size(self) -> int:
        """Return how many proxies there are, this one included."""
        return self._size

    async def keep_beating(self) -> None:
        """Give signs of life until cancelled. While the storage fails, the last count stands."""
        while True:
            try:
                await self.beat()
            except HyokError as error:
                if not self._is_failing:
                    _log.warning("the other proxies cannot be counted: %s", error)
                self._is_failing = True
            else:
                self._is_failing = False
            await asyncio.sleep(BEAT_SECONDS)

    async def beat(self) -> None:
        """Give a sign of life and count. HyokError if the storage fails."""
        self._size = await self._storage.run(self._beat)

    def _beat(self, connection: Connection) -> int:
        now = self._clock.now()
        beats = proxy_heartbeats
        mine = beats.c.instance == self._instance
        if not connection.execute(update(beats).where(mine).values(at=now)).rowcount:
            connection.execute(insert(beats).values(instance=self._instance, at=now))
        connection.execute(delete(beats).where(beats.c.at < now - ALIVE_SECONDS))
        return connection.scalar(select(func.count()).select_from(beats)) or 1
