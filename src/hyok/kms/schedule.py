"""What happens to keys by itself: when its date has come, one goes for good, another gets fresh material."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from hyok.clock import Clock
from hyok.errors import HyokError
from hyok.kms.events.calls import Events
from hyok.kms.keys import Keys
from hyok.kms.values import KmsKey, RotationType

SECONDS_BETWEEN_LOOKS: Final = 1.0

_log = logging.getLogger(__name__)


class KeySchedule:
    """Deletes and rotates keys by a clock of its own, which nothing but the process that made it can move."""

    def __init__(self, keys: Keys, clock: Clock, events: Events | None = None) -> None:
        self._keys = keys
        self._clock = clock
        self._events = events
        self._leaves_traces = True  # of a deletion before an earlier end of the service

    async def delete_due(self) -> Sequence[KmsKey]:
        """Delete all keys whose date has passed by this schedule's clock, and return them."""
        deleted = await self._keys.delete_due(self._clock.now())
        for key in deleted:
            _log.info("deleted %s for good, as scheduled", key.arn)
            if self._events is not None:
                self._events.deleted(key)
        self._leaves_traces = bool(deleted) or self._leaves_traces
        if self._leaves_traces:
            self._leaves_traces = not await self._keys.erase_traces()
        return deleted

    async def rotate_due(self) -> Sequence[KmsKey]:
        """Rotate all keys whose date has passed by this schedule's clock, and return them as they were."""
        rotated = await self._keys.rotate_due(self._clock.now())
        for key in rotated:
            _log.info("rotated %s, as scheduled", key.arn)
            if self._events is not None:
                self._events.rotated(key, RotationType.AUTOMATIC)
        return rotated

    async def run(self) -> None:
        """Go on with what is due, until cancelled. A storage that fails is tried again."""
        while True:
            try:
                await self.delete_due()
                await self.rotate_due()
            except HyokError as error:
                _log.error("a scheduled deletion or rotation failed and is tried again: %s", error)
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
