"""Destroy the keys whose date has come, in whichever process serves: for good, with no trace in the storage's files."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, Row, delete, select, update

from hyok.clock import Clock
from hyok.custody.errors import IntegrityError
from hyok.custody.safe import Safe
from hyok.errors import HyokError
from hyok.keymanagers.embedded.material import KeyState, open_material
from hyok.keymanagers.embedded.stored_keys import StoredKey, read_key, read_versions
from hyok.storage.changes import ChangeKind, record_change
from hyok.storage.engine import Storage
from hyok.storage.schema import embedded_key_versions, embedded_keys

SECONDS_BETWEEN_LOOKS: Final = 10.0

_log = logging.getLogger(__name__)


class KeyDisposal:
    """Looks for keys that are due, again and again."""

    def __init__(self, storage: Storage, safe: Safe, clock: Clock) -> None:
        self._storage = storage
        self._safe = safe
        self._clock = clock
        self._leaves_traces = True  # of what was destroyed before an earlier end of the process
        self._complained: set[str] = set()

    async def run(self) -> None:
        """Go on until cancelled. A storage that fails is tried again."""
        while True:
            try:
                await self.destroy_due()
            except HyokError as error:
                _log.error("a scheduled deletion of a key failed and is tried again: %s", error)
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)

    async def destroy_due(self) -> Sequence[str]:
        """Destroy all keys whose date has passed and return their ids."""
        now = self._clock.now()
        destroyed: Sequence[str] = ()
        # First a look that keeps no writer waiting: each worker has one every few seconds.
        if await self._storage.read(lambda connection: bool(_due(connection, now))):
            destroyed = await self._storage.run(lambda connection: self._destroy(connection, now))
        for key_id in destroyed:
            _log.warning("key %s was destroyed for good, as scheduled", key_id)
        self._leaves_traces = bool(destroyed) or self._leaves_traces
        if self._leaves_traces:
            self._leaves_traces = not await self._storage.erase_traces()
        return destroyed

    def _destroy(self, connection: Connection, now: float) -> Sequence[str]:
        due = [key for row in _due(connection, now) if (key := self._authentic(connection, row)) is not None]
        for key in due:
            key_id = key.row.key_id
            connection.execute(delete(embedded_key_versions).where(embedded_key_versions.c.key_id == key_id))
            connection.execute(
                update(embedded_keys).where(embedded_keys.c.key_id == key_id).values(state=KeyState.DESTROYED.value)
            )
            record_change(connection, ChangeKind.EMBEDDED_KEY, key_id, at=now, act="destroy")
        return tuple(key.row.key_id for key in due)

    def _authentic(self, connection: Connection, row: _EmbeddedKey) -> StoredKey | None:
        """Return the key if the date is the one that was decided: its material is bound to it."""
        try:
            key = read_key(row)
            for place, sealed in read_versions(connection, key.row.key_id):
                open_material(self._safe, sealed, row=key.row, place=place)
        except IntegrityError as error:
            if row.key_id not in self._complained:
                _log.error("key %s is due but is not destroyed, because its row was altered: %s", row.key_id, error)
            self._complained.add(row.key_id)
            return None
        return key


_EmbeddedKey = Row[tuple[str, str, str, int, float, float | None]]


def _due(connection: Connection, now: float) -> Sequence[_EmbeddedKey]:
    columns = embedded_keys.c
    return connection.execute(
        select(embedded_keys).where(
            columns.deletion_at.is_not(None),
            columns.deletion_at <= now,
            columns.state == KeyState.PENDING_DELETION.value,
        )
    ).all()
