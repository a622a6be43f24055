"""What the watch over decryptions has learnt, kept in the storage: read at the start, written now and then.

A process that is killed takes what it learnt in the last seconds with it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, insert, select, update

from hyok.clock import Clock
from hyok.errors import HyokError
from hyok.proxy.authorization.decrypt_watch import Baseline, DecryptWatch, KnownCaller, WatchRules
from hyok.storage.engine import Storage
from hyok.storage.schema import decrypt_baselines, decrypt_callers

FLUSH_SECONDS: Final = 5.0
_log = logging.getLogger(__name__)


def load_watch(storage: Storage, rules: WatchRules) -> DecryptWatch:
    """Make a watch that knows what was learnt before. Blocking, for the start."""
    with storage.reading() as connection:
        return DecryptWatch(rules, baselines=_read_baselines(connection), callers=read_known_callers(connection))


class StoredWatch:
    """Keeps a watch and the storage alike."""

    def __init__(self, watch: DecryptWatch, storage: Storage, clock: Clock) -> None:
        self._watch = watch
        self._storage = storage
        self._now = clock.now
        self._is_failing = False

    async def keep_flushing(self) -> None:
        """Write what is learnt, and read what others have, again and again, until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Write what is not in the storage yet; what it does not take is kept for the next time."""
        baselines, callers = self._watch.take_learnt()
        now = self._now()
        try:
            if baselines or callers:
                await self._storage.run(lambda connection: _write(connection, baselines, callers, now=now))
            self._watch.learn_callers(await self._storage.read(read_known_callers))
        except HyokError as error:
            self._watch.give_back(callers)
            if not self._is_failing:
                _log.warning("what is usual in decryptions cannot be kept, and is learnt in memory: %s", error)
            self._is_failing = True
        else:
            self._is_failing = False


def read_known_callers(connection: Connection, key_store: str | None = None) -> tuple[KnownCaller, ...]:
    """Return for whom keys have decrypted, of one key store or of all, sorted."""
    table = decrypt_callers.c
    query = select(table.key_store, table.external_key_id, table.caller)
    if key_store is not None:
        query = query.where(table.key_store == key_store)
    ordered = query.order_by(table.key_store, table.external_key_id, table.caller)
    return tuple(KnownCaller(*row) for row in connection.execute(ordered))


def write_known_caller(connection: Connection, caller: KnownCaller, *, now: float) -> None:
    """Write down an account or service for which a key may decrypt, unless that is known."""
    table = decrypt_callers.c
    here = (
        table.key_store == caller.key_store,
        table.external_key_id == caller.external_key_id,
        table.caller == caller.caller,
    )
    if connection.scalar(select(table.first_at).where(*here)) is None:
        connection.execute(insert(decrypt_callers), {**caller._asdict(), "first_at": now})


def _read_baselines(connection: Connection) -> tuple[Baseline, ...]:
    table = decrypt_baselines.c
    rows = connection.execute(select(table.key_store, table.principal, table.per_minute, table.minutes))
    return tuple(Baseline(*row) for row in rows)


def _write(
    connection: Connection, baselines: Sequence[Baseline], callers: Sequence[KnownCaller], *, now: float
) -> None:
    for caller in callers:
        write_known_caller(connection, caller, now=now)
    table = decrypt_baselines.c
    for each in baselines:
        here = (table.key_store == each.key_store, table.principal == each.principal)
        values = {"per_minute": each.per_minute, "minutes": each.minutes}
        if not connection.execute(update(decrypt_baselines).where(*here).values(values)).rowcount:
            row = {"key_store": each.key_store, "principal": each.principal, **values}
            connection.execute(insert(decrypt_baselines), row)
