"""Pass one side's storage from one root key to the next."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Final, NamedTuple

from hyok.assembly.authors import this_process
from hyok.assembly.recorded import RecordedStorage, record_changes
from hyok.assembly.root_sources import open_root_key
from hyok.assembly.sides import anchor_storage, open_side_storage, renew_anchor
from hyok.clock import SystemClock
from hyok.config.configuration import Configuration
from hyok.config.root_sources import RootSource
from hyok.config.settings import RootKeySettings, StorageSettings
from hyok.custody.records import Author
from hyok.custody.rewrapping import (
    Keeping,
    Resealing,
    SealedColumn,
    begin,
    count_sealed,
    describe_keeping,
    finish,
    reseal,
)
from hyok.custody.root_key import RootKey
from hyok.custody.safe import Safe, open_safe
from hyok.errors import NotDoneError
from hyok.storage.changes import ChangeKind
from hyok.storage.engine import Storage
from hyok.storage.schema import Side

SERVERS_HEAR_WITHIN_SECONDS: Final = 2.0
"""Running servers look at the change log four times a second. One that does not for 15 s refuses to use keys."""


class SideSettings(NamedTuple):
    """What one side has at rest."""

    side: Side
    storage: StorageSettings
    root_key: RootKeySettings


def side_settings(configuration: Configuration, side: Side) -> SideSettings:
    """Return one side's settings; OperatorError if the configuration has not that side."""
    match side:
        case Side.HOLDER:
            holder = configuration.require_holder()
            return SideSettings(side, holder.storage, holder.root_key)
        case Side.KMS:
            kms = configuration.require_kms()
            return SideSettings(side, kms.storage, kms.root_key)


class RootKeyChange:
    """One side's storage, and the root key that the configuration names for it."""

    def __init__(self, storage: Storage, root: RootKey, settings: StorageSettings, author: Author) -> None:
        """OperatorError if the storage is an older copy than its anchor knows."""
        self.recorded: RecordedStorage | None = None
        """The holder's storage, once something in it may change; the KMS's keeps no administrative records."""
        self._author = author
        self._storage = storage
        self._settings = settings
        self._root = root
        self._columns = sealed_columns(storage.side)

    def keeping(self) -> Keeping:
        """Tell under which roots the storage is kept. NotDoneError if it has never been started."""
        keeping = describe_keeping(self._storage)
        if keeping is None:
            raise NotDoneError(f"the storage {self._storage.location} is new: it is kept under no root key yet")
        return keeping

    def counts(self) -> dict[str, int]:
        """Return how many sealed values each table has."""
        return count_sealed(self._storage, self._columns)

    def rewrap(
        self,
        successor: RootKey,
        *,
        report: Callable[[int], None],
        pause_seconds: float = SERVERS_HEAR_WITHIN_SECONDS,
    ) -> Resealing:
        """Let `successor` open the storage, too, and seal under it whatever is not sealed so yet."""
        self._open_safe()
        key = begin(self._storage, SystemClock(), root=self._root, successor=successor)
        time.sleep(pause_seconds)  # until running servers can open what is sealed from now on
        safe = self._use(Safe(key.store_id, key.keks))
        result = reseal(self._storage, safe, self._columns, report=report)
        self._note(
            successor.id, "seal everything under", {"resealed": result.resealed, "unreadable": len(result.unreadable)}
        )
        return result

    def retire(self, *, leave_unreadable: bool) -> str:
        """Let the former root open nothing any more, and return its id.

        NotDoneError if the configuration's root is the former one, or something opens under neither root.
        """
        safe = self._open_safe()
        unreadable = reseal(self._storage, safe, self._columns).unreadable
        if unreadable and not leave_unreadable:
            raise NotDoneError(
                f"{len(unreadable)} sealed values open under neither root key; the first: {unreadable[0]}; nothing was "
                "retired. To go on without them, add --leave-unreadable"
            )
        renew_anchor(self._storage, safe, self._settings)
        retired = finish(self._storage, SystemClock(), root=self._root, left_unreadable=len(unreadable))
        asyncio.run(self._storage.erase_traces())  # the old key-encryption key is in no file then
        return retired

    def _open_safe(self) -> Safe:
        safe = open_safe(self._storage, self._root)
        anchor_storage(self._storage, safe, self._settings)
        return self._use(safe)

    def _use(self, safe: Safe) -> Safe:
        """Record what is changed from now on, and let the records be read with this safe."""
        if self._storage.side is Side.HOLDER:
            was = self.recorded
            if was is None:
                self.recorded = record_changes(self._storage, safe, SystemClock(), self._author)
            else:
                self.recorded = was._replace(safe=safe)
        return safe

    def _note(self, root_key_id: str, act: str, details: dict[str, object]) -> None:
        if self.recorded is not None:
            with self._storage.transaction() as connection:
                self.recorded.recorder.note(connection, ChangeKind.ROOT_KEY.value, root_key_id, act, details)


@contextmanager
def opened_for_change(settings: SideSettings, author: Author | None = None) -> Iterator[RootKeyChange]:
    """Open one side's storage for the length of the block. What is changed is recorded as the author's."""
    root = open_root_key(settings.root_key.source)
    with closing(open_side_storage(settings.storage, settings.side)) as storage:
        yield RootKeyChange(storage, root, settings.storage, author or this_process())


def open_successor(configuration: Configuration, source: RootSource) -> RootKey:
    """Open the root key that takes over. OperatorError if it is missing or none."""
    return open_root_key(configuration.complete_root_source(source))


def sealed_columns(side: Side) -> Sequence[SealedColumn]:
    """Return every sealed column of one side."""
    match side:
        case Side.HOLDER:
            from hyok.custody.audit_key import SEALED_PRIVATE_KEYS
            from hyok.custody.credentials import SEALED_SECRETS
            from hyok.custody.policies import SEALED_POLICIES
            from hyok.custody.records import SEALED_RULINGS
            from hyok.keymanagers.embedded.sealed_material import SEALED_MATERIAL

            return (SEALED_SECRETS, SEALED_POLICIES, SEALED_PRIVATE_KEYS, SEALED_RULINGS, SEALED_MATERIAL)
        case Side.KMS:
            from hyok.kms.sealed_columns import SEALED_COLUMNS

            return SEALED_COLUMNS
