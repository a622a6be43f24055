"""Which credentials are used: counted in memory on the path of each request, written to the storage now and then.

An operator who rotates credentials sees by it when the old one has fallen idle. A process that is killed takes the
counts of its last seconds with it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from sqlalchemy import BindParameter, Connection, bindparam, case, update

from hyok.errors import HyokError
from hyok.storage.engine import Storage
from hyok.storage.schema import credentials

FLUSH_SECONDS: Final = 3.0

_log = logging.getLogger(__name__)


class CredentialUsage:
    """The uses of credentials that are not in the storage yet."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._uses: dict[str, _Use] = {}
        self._is_failing = False

    def note(self, access_key_id: str, now: float) -> None:
        """Count one use, at `now` in Unix seconds; the credential is proven."""
        use = self._uses.get(access_key_id)
        if use is None:
            use = self._uses[access_key_id] = _Use()
        use.count += 1
        use.last_at = now

    async def keep_flushing(self) -> None:
        """Write to the storage again and again, until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Write what is not in the storage yet; what it does not take is kept for the next time."""
        taken, self._uses = self._uses, {}
        if not taken:
            return
        try:
            await self._storage.run(lambda connection: _write(connection, taken))
        except HyokError as error:
            self._take_back(taken)
            if not self._is_failing:
                _log.warning("uses of credentials cannot be written and are kept in memory: %s", error)
            self._is_failing = True
        else:
            self._is_failing = False

    def _take_back(self, taken: dict[str, _Use]) -> None:
        for access_key_id, use in taken.items():
            later = self._uses.setdefault(access_key_id, use)
            if later is not use:
                later.count += use.count


class _Use:
    __slots__ = ("count", "last_at")

    def __init__(self) -> None:
        self.count = 0
        self.last_at = 0.0


def _write(connection: Connection, uses: dict[str, _Use]) -> None:
    # One that was deleted meanwhile matches no row. Another worker may have seen it used later.
    last_at: BindParameter[float] = bindparam("last_at")
    connection.execute(
        update(credentials)
        .where(credentials.c.access_key_id == bindparam("used_id"))
        .values(
            use_count=credentials.c.use_count + bindparam("count"),
            last_used_at=case((credentials.c.last_used_at > last_at, credentials.c.last_used_at), else_=last_at),
        ),
        [{"used_id": each, "count": use.count, "last_at": use.last_at} for each, use in uses.items()],
    )
