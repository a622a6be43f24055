"""The KMS's record of every call, for as long as it runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hyok.clock import Clock
from hyok.config.settings import EventSettings
from hyok.kms.events.calls import Events
from hyok.kms.events.delivery import FileFormat
from hyok.kms.events.recorder import EventPlace, EventRecorder


@asynccontextmanager
async def recorded_events(settings: EventSettings | None, clock: Clock) -> AsyncIterator[Events | None]:
    """Record events for the length of the block; None without settings. OperatorError if the directory is unfit."""
    if settings is None:
        yield None
        return
    place = EventPlace(settings.directory, FileFormat(settings.format), settings.deliver_seconds)
    recorder = EventRecorder(place, clock)
    await asyncio.to_thread(recorder.start)
    try:
        yield Events(recorder, clock)
    finally:
        await asyncio.to_thread(recorder.close)
