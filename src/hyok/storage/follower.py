"""Keep a server's memory as new as the change log, and know for how long that has not worked.

The follower's last success is the server's lease: a withdrawal (a key disabled, a key store frozen) reaches memory only
through the log, so a server that cannot read it for `stale_after_seconds` must refuse all key use.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from hyok.errors import HyokError
from hyok.storage.changes import Change, changes_since
from hyok.storage.engine import Storage

POLL_SECONDS: Final = 0.25
"""How long the follower rests between looks; a change is in memory within twice that."""

_log = logging.getLogger(__name__)


class ChangeFollower:
    """Polls the change log off the loop and hands new changes, in order, to `apply` on the loop."""

    def __init__(
        self,
        storage: Storage,
        apply: Callable[[Sequence[Change]], Awaitable[None]],
        *,
        position: int,
        stale_after_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start after `position`, which `current_position` gave before the state was read into memory."""
        self.on_applied: Callable[[], None] = lambda: None
        """Called on the loop when new changes are in memory."""
        self._storage = storage
        self._apply = apply
        self._position = position
        self.stale_after_seconds = stale_after_seconds
        """After so long without a look at the log, key use is refused."""
        self._monotonic = monotonic
        self.ends_at = monotonic() + stale_after_seconds
        """When the lease ends and key use must be refused, unless it is renewed: in seconds of `monotonic`."""
        self._is_failing = False

    async def follow(self) -> None:
        """Follow the log until cancelled. A failure is logged once and tried again, while the lease runs out."""
        while True:
            try:
                await self.catch_up()
            except HyokError as error:
                if not self._is_failing:
                    _log.error("the change log cannot be followed, key use stops when the lease ends: %s", error)
                self._is_failing = True
            else:
                if self._is_failing:
                    _log.warning("the change log can be followed again")
                self._is_failing = False
            await asyncio.sleep(POLL_SECONDS)

    async def catch_up(self) -> None:
        """Apply all that is new and renew the lease. HyokError if the log or a change cannot be read."""
        while True:
            # The lease counts from before the look: what was written while it ran may have been missed.
            looked_at = self._monotonic()
            changes = await self._storage.read(lambda connection: changes_since(connection, self._position))
            if not changes:
                self.ends_at = looked_at + self.stale_after_seconds
                return
            await self._apply(changes)
            self._position = changes[-1].position
            self.on_applied()

    def position(self) -> int:
        """Return up to where memory has taken in the log."""
        return self._position

    def age_seconds(self) -> float:
        """Return for how long memory has not been known to be as new as the log."""
        return self._monotonic() - (self.ends_at - self.stale_after_seconds)

    def is_stale(self) -> bool:
        """Tell whether the lease has ended and key use must be refused. Cheap: the KMS asks on each request."""
        return self._monotonic() > self.ends_at
