"""Scheduled deletion: when its date has come, a key goes for good, with its aliases and all its material."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from hyok.clock import Clock
from hyok.errors import HyokError
from hyok.kms.keys import Keys
from hyok.kms.values import KmsKey

SECONDS_BETWEEN_LOOKS: Final = 1.0

_log = logging.getLogger(__name__)


class DeletionSchedule:
    """Deletes keys by a clock of its own, which nothing but the process that made it can move."""

    def __init__(self, keys: Keys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    async def delete_due(self) -> Sequence[KmsKey]:
        """Delete all keys whose date has passed by this schedule's clock, and return them."""
        deleted = await self._keys.delete_due(self._clock.now())
        for key in deleted:
            _log.info("deleted %s for good, as scheduled", key.arn)
        return deleted

    async def run(self) -> None:
        """Go on deleting what is due, until cancelled. A storage that fails is tried again."""
        while True:
            try:
                await self.delete_due()
            except HyokError as error:
                _log.error("scheduled deletion failed and is tried again: %s", error)
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
