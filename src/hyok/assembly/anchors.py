"""A storage beside its anchor, for whoever decides which of them is right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from hyok.assembly.authors import this_process
from hyok.assembly.recorded import RecordedStorage, record_changes
from hyok.assembly.root_keys import SideSettings
from hyok.assembly.root_sources import open_root_key
from hyok.assembly.sides import open_side_storage
from hyok.clock import SystemClock
from hyok.custody.anchor import Anchor
from hyok.custody.records import Author
from hyok.custody.safe import open_safe
from hyok.errors import NotDoneError, OperatorError
from hyok.storage.changes import current_position
from hyok.storage.engine import Storage
from hyok.storage.schema import Side


class AnchoredStorage:
    """One side's storage, opened without regard to its anchor."""

    def __init__(self, storage: Storage, anchor: Anchor, recorded: RecordedStorage | None) -> None:
        self.recorded = recorded
        """The holder's storage; the KMS's keeps no administrative records."""
        self._storage = storage
        self._anchor = anchor

    @property
    def anchor_path(self) -> Path:
        """Where the anchor is."""
        return self._anchor.path

    def position(self) -> int:
        """Return the number of the storage's newest change."""
        with self._storage.reading() as connection:
            return current_position(connection)

    def fault(self) -> str | None:
        """Say why no server starts with these two; None if they agree."""
        try:
            self._anchor.check(self.position(), location=self._storage.location)
        except OperatorError as error:
            return str(error)
        return None

    def reset(self) -> None:
        """Take the storage as it is for the newest copy."""
        position, fault = self.position(), self.fault()
        if self.recorded is not None:
            details = {"newest_change": position, "fault": fault}
            with self._storage.transaction() as connection:
                self.recorded.recorder.note(connection, "anchor", str(self.anchor_path), "reset", details)
        self._anchor.reset(position)


@contextmanager
def opened_beside_anchor(settings: SideSettings, author: Author | None = None) -> Iterator[AnchoredStorage]:
    """Open one side's storage for the length of the block; a reset is recorded as the author's.

    NotDoneError if it has no anchor.
    """
    if settings.storage.anchor is None:
        section = "kms.storage" if settings.side.value == "kms" else "storage"
        raise NotDoneError(f"there is no anchor: {section}.anchor is not set, so that no older copy is noticed")
    root = open_root_key(settings.root_key.source)
    with closing(open_side_storage(settings.storage, settings.side)) as storage:
        safe = open_safe(storage, root)
        recorded = None
        if settings.side is Side.HOLDER:
            recorded = record_changes(storage, safe, SystemClock(), author or this_process())
        yield AnchoredStorage(storage, Anchor(settings.storage.anchor, safe), recorded)
