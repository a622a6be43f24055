"""Records events beside the event loop: a bounded queue, and one thread that writes what is in it.

A full queue, or a disk that fails, loses events and says so in the log; it never holds up a call. That is CloudTrail's
own promise: it delivers on a best-effort basis.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from hyok.clock import Clock
from hyok.errors import OperatorError
from hyok.kms.events.delivery import EventFile, FileFormat, deliver_what_is_left
from hyok.kms.events.event import Event

_QUEUED_AT_MOST: Final = 20_000
"""At some 2 kB each: 40 MB."""
_TAKEN_AT_ONCE: Final = 1000
_OPEN_AT_MOST: Final = 64
_LOOKS_EVERY_SECONDS: Final = 0.5
_FILE_BYTES: Final = 50 * 1024 * 1024

_encode: Final = msgspec.json.Encoder().encode
_log = logging.getLogger(__name__)


class EventPlace(NamedTuple):
    """Where events go, and how."""

    directory: Path
    file_format: FileFormat
    deliver_seconds: float
    """How long a file is written before it is delivered."""


class EventRecorder:
    """Writes events. `start` and `close` are for a thread that may wait, `record` for the event loop."""

    def __init__(self, place: EventPlace, clock: Clock) -> None:
        self._place = place
        self._clock = clock
        self._queue: queue.Queue[Event | None] = queue.Queue(_QUEUED_AT_MOST)
        self._files: dict[tuple[str, str], EventFile] = {}
        self._thread = threading.Thread(target=self._run, name="kms-events", daemon=True)
        self._lost = 0

    def start(self) -> None:
        """Deliver what an earlier run left, and begin. OperatorError if the directory cannot be written."""
        directory = self._place.directory
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            deliver_what_is_left(directory)
        except OSError as error:
            raise OperatorError(
                f"events cannot be written to {directory}: {error.strerror}; name a directory in [kms.events] "
                "directory that this user may write to"
            ) from error
        self._thread.start()

    def record(self, events: Iterable[Event]) -> None:
        """Take events to be written soon. Never waits."""
        for event in events:
            try:
                self._queue.put_nowait(event)
            except queue.Full:
                self._lost += 1

    def close(self) -> None:
        """Write what was taken, deliver all files, and end."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        is_ending = False
        while not is_ending:
            taken = self._take()
            is_ending = None in taken
            self._write([event for event in taken if event is not None])
            self._deliver(all_of_them=is_ending)
            self._tell_losses()

    def _take(self) -> list[Event | None]:
        """Return what is in the queue, or nothing when that has been empty for a while."""
        taken: list[Event | None] = []
        with contextlib.suppress(queue.Empty):
            taken.append(self._queue.get(timeout=_LOOKS_EVERY_SECONDS))
            while len(taken) < _TAKEN_AT_ONCE:
                taken.append(self._queue.get_nowait())
        return taken

    def _write(self, events: list[Event]) -> None:
        lines: dict[tuple[str, str], list[bytes]] = {}
        for event in events:
            lines.setdefault((event.account, event.region), []).append(_encode(event.content) + b"\n")
        for (account, region), written in lines.items():
            try:
                self._file(account, region).write(b"".join(written))
            except OSError as error:
                self._lost += len(written)
                self._tell("written", error)

    def _file(self, account: str, region: str) -> EventFile:
        place = account, region
        file = self._files.get(place)
        if file is None:
            if len(self._files) >= _OPEN_AT_MOST:
                oldest = next(iter(self._files))
                self._files.pop(oldest).deliver()
            file = EventFile(
                self._place.directory, account, region, at=self._clock.now(), file_format=self._place.file_format
            )
            self._files[place] = file
        return file

    def _deliver(self, *, all_of_them: bool) -> None:
        now = self._clock.now()
        for place, file in list(self._files.items()):
            is_old = now - file.begun_at >= self._place.deliver_seconds
            if all_of_them or is_old or file.size_bytes >= _FILE_BYTES:
                del self._files[place]
                try:
                    file.deliver()
                except OSError as error:
                    self._tell("delivered; they are at the next start", error)

    def _tell(self, what: str, error: OSError) -> None:
        _log.error("events in %s could not be %s: %s", self._place.directory, what, error.strerror)

    def _tell_losses(self) -> None:
        lost, self._lost = self._lost, 0
        if lost:
            _log.error("%d events were lost: they could not be written, or not as fast as they came", lost)
