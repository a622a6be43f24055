"""Send a trail to a sink, from wherever the last sending process stopped.

The trail itself is the buffer: nothing waits for a sink but this, so that a slow or broken one costs the proxy nothing
and loses nothing. How far it came is kept in a file beside the trail, written after the sink has taken what was sent:
after a crash some records are sent once more (log and number tell them), none is left out. What was retired before it
could be sent is counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from hyok.audit.following import LogPosition, TrailFollower
from hyok.audit.layout import DIRECTORY_MODE, LIST_FILE
from hyok.audit.reader import StoredRecord
from hyok.audit.sinks.interface import SignedState, Sink
from hyok.audit.trail import read_trail, replace_file
from hyok.errors import HyokError, OperatorError
from hyok.metrics.exposition import SinkProgress

POSITIONS_DIRECTORY: Final = "sinks"
_POLL_SECONDS: Final = 0.5
_BATCH_RECORDS: Final = 256
_FIRST_PAUSE_SECONDS: Final = 0.5
_LONGEST_PAUSE_SECONDS: Final = 30.0
_LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)

_log = logging.getLogger(__name__)
_read_positions: Final[msgspec.json.Decoder[dict[str, LogPosition]]] = msgspec.json.Decoder(dict[str, LogPosition])

Encode = Callable[[dict[str, Any], str, int], bytes]
"""Makes a message of a record, its log and its number."""


class Shipment(NamedTuple):
    """What a sink is sent."""

    encode: Encode | None
    """None: no records."""
    checkpoint_seconds: float | None
    """How often it is sent the checkpoints; None: never."""


class Shipping:
    """Sends one trail to one sink."""

    def __init__(self, name: str, directory: Path, sink: Sink, shipment: Shipment) -> None:
        """Go on where the last process stopped. OperatorError if that cannot be read."""
        self.name = name
        self.progress = SinkProgress(0, 0, 0, 0.0)
        """For metrics."""
        self._directory = directory
        self._sink = sink
        self._shipment = shipment
        self._file = directory / POSITIONS_DIRECTORY / f"{name}.json"
        self._follower = TrailFollower(directory, self._load())
        self._sent_checkpoints: dict[str, bytes] = {}
        self._checkpoints_at = 0.0
        self._is_failing = False

    async def run(self) -> None:
        """Send again and again, until cancelled; a sink that fails is tried again, ever more seldom."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                is_done = await self.send()
            except Exception as error:  # noqa: BLE001  # whatever is wrong with a sink, the proxy serves on
                self._note_failure(error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
                continue
            pause = _FIRST_PAUSE_SECONDS
            if is_done:
                await asyncio.sleep(_POLL_SECONDS)

    async def send_rest(self) -> None:
        """Send what is left, if the sink takes it."""
        with contextlib.suppress(HyokError, OSError):
            self._checkpoints_at = 0.0
            while not await self.send():
                pass
        await self._sink.aclose()

    async def send(self) -> bool:
        """Send what is new, at most one batch of records; returns whether there is no more. SinkError."""
        if not (self._directory / LIST_FILE).exists():
            return True  # nothing was written yet
        is_done = True
        if self._shipment.encode is not None:
            is_done = await self._send_records(self._shipment.encode)
        if self._shipment.checkpoint_seconds is not None and time.monotonic() >= self._checkpoints_at:
            await self._send_checkpoints()
            self._checkpoints_at = time.monotonic() + self._shipment.checkpoint_seconds
        if self._is_failing:
            self._is_failing = False
            _log.warning("the audit sink %s takes what it is sent again", self.name)
        return is_done

    async def _send_records(self, encode: Encode) -> bool:
        batch = await asyncio.to_thread(self._read_batch)
        if not batch:
            self.progress = self.progress._replace(oldest_unsent=0.0)
            return True
        oldest = min((each.time.timestamp() for each in batch if each.time > _LONG_AGO), default=0.0)
        self.progress = self.progress._replace(oldest_unsent=oldest)
        messages = await asyncio.to_thread(self._encode, batch, encode)
        await self._sink.send_records(messages)
        for record in batch:
            self._follower.advance(record)
        await asyncio.to_thread(self._save)
        self.progress = self.progress._replace(
            sent_records=self.progress.sent_records + len(batch),
            oldest_unsent=0.0 if (is_done := len(batch) < _BATCH_RECORDS) else oldest,
            missed_records=sum(each.missed for each in self._follower.positions.values()),
        )
        return is_done

    async def _send_checkpoints(self) -> None:
        states = await asyncio.to_thread(self._read_checkpoints)
        if states:
            await self._sink.send_checkpoints(states)
            self._sent_checkpoints.update({state.place.name: state.note for state in states})

    def _read_batch(self) -> list[StoredRecord]:
        return list(islice(self._follower.read(), _BATCH_RECORDS))

    @staticmethod
    def _encode(batch: list[StoredRecord], encode: Encode) -> list[bytes]:
        return [
            # A line that a crash tore is no record; what it was is sent as a text.
            encode(content if content is not None else _torn(record), record.log, record.number)
            for record in batch
            for content in (record.content(),)
        ]

    def _read_checkpoints(self) -> list[SignedState]:
        states = []
        for place in read_trail(self._directory, None).places():
            if place.checkpoint_file.exists():
                note = place.checkpoint_file.read_bytes()
                if self._sent_checkpoints.get(place.name) != note:
                    states.append(SignedState(place, note))
        return states

    def _load(self) -> dict[str, LogPosition]:
        try:
            return _read_positions.decode(self._file.read_bytes())
        except FileNotFoundError:
            return {}
        except msgspec.MsgspecError as error:
            raise OperatorError(
                f"{self._file} does not say how far the audit sink {self.name} came; remove it to send all once more"
            ) from error

    def _save(self) -> None:
        self._file.parent.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
        replace_file(self._file, msgspec.json.encode(self._follower.positions))

    def _note_failure(self, error: Exception) -> None:
        self.progress = self.progress._replace(failures=self.progress.failures + 1)
        if not self._is_failing:
            _log.error("the audit sink %s takes nothing, which is sent later: %s", self.name, error)
        self._is_failing = True


def _torn(record: StoredRecord) -> dict[str, Any]:
    return {"event": "torn_line", "line": record.line.decode("utf-8", "replace")}
