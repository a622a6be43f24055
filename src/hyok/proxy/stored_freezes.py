"""Keep what is frozen in memory as the storage's rulings have it: read at the start, and whenever one is added.

It fails closed: rulings that were altered or taken out freeze everything, and a freeze that this process knows of ends
only by an unfreeze that operators have signed, whatever becomes of its row.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import Connection

from hyok.custody.errors import IntegrityError
from hyok.custody.records import read_rulings
from hyok.custody.rulings import Freeze, Judge, Standing
from hyok.proxy.freezes import Freezes, Frozen
from hyok.storage.changes import Change, ChangeKind
from hyok.storage.engine import Storage

_log: Final = logging.getLogger(__name__)


class StoredFreezes:
    """Keeps `freezes` as the storage has them."""

    def __init__(self, storage: Storage, judge: Judge, *, forget_keys: Callable[[], None]) -> None:
        """Read all rulings, which blocks: called at start. `forget_keys` drops keys that lie open in memory."""
        self._storage = storage
        self._judge = judge
        self._forget_keys = forget_keys
        self._known: dict[bytes, Freeze] = {}
        self.freezes = Freezes()
        with storage.reading() as connection:
            self._take(self._read(connection))

    async def apply(self, changes: Sequence[Change]) -> None:
        """Read the rulings again if there are new ones; other changes do not concern them. HyokError if it cannot."""
        if any(change.kind is ChangeKind.RULING for change in changes):
            self._take(await self._storage.read(self._read))

    def _read(self, connection: Connection) -> Standing:
        try:
            return self._judge.judge(read_rulings(connection))
        except IntegrityError as error:
            return Standing(faults=[str(error)])

    def _take(self, standing: Standing) -> None:
        present = {freeze.hash: freeze for freeze in standing.freezes.values()}
        for identity, freeze in self._known.items():
            if identity not in present and identity not in standing.lifted:
                present[identity] = freeze
                if not standing.faults:
                    _log.error("%s vanished from the records, but nobody lifted it: it stays", _describe(freeze))
        everything = ""
        if standing.faults:
            everything = "this proxy cannot tell what is frozen"
            _log.error("everything is refused, as if frozen: %s; restore the storage", "; ".join(standing.faults))
        for identity in present.keys() - self._known.keys():
            _log.warning("%s is in force", _describe(present[identity]))
        for identity in self._known.keys() - present.keys():
            _log.warning("%s is lifted", _describe(self._known[identity]))
        self._known = present
        self.freezes.current = Frozen(present.values(), everything=everything) if present or everything else None
        if self.freezes.current is not None:
            self._forget_keys()


def _describe(freeze: Freeze) -> str:
    return f"the freeze of {freeze.scope} (administrative record {freeze.record.sequence})"
