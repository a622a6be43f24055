"""The holder's storage, opened so that what is changed in it leaves records, in the name of whoever changes it."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from hyok.clock import Clock
from hyok.custody.records import Author, Recorder
from hyok.custody.safe import Safe
from hyok.storage.engine import Storage


class Recorded(Protocol):
    """What leaves records: the whole holder's side, or its storage alone."""

    @property
    def storage(self) -> Storage:
        """Where changes and records are kept."""

    @property
    def safe(self) -> Safe:
        """What opens the audit key."""

    @property
    def clock(self) -> Clock:
        """When a record is written."""

    @property
    def recorder(self) -> Recorder:
        """What writes the records."""


class RecordedStorage(NamedTuple):
    """The holder's storage alone, for those that change how it is kept."""

    storage: Storage
    safe: Safe
    clock: Clock
    recorder: Recorder


def record_changes(storage: Storage, safe: Safe, clock: Clock, author: Author) -> RecordedStorage:
    """Have each transaction on the holder's storage leave records of what it changes."""
    recorder = Recorder(safe, clock, author)
    storage.before_commit = recorder.note_changes
    return RecordedStorage(storage, safe, clock, recorder)
