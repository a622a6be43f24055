"""Keep a running server's safe open while its storage passes from one root key to the next."""

from __future__ import annotations

from collections.abc import Sequence

from hyok.custody.keeping import read_succession
from hyok.custody.safe import Safe
from hyok.storage.changes import Change, ChangeKind
from hyok.storage.engine import Storage


class SuccessionFollower:
    """Takes up the KEK that takes over. To be told of changes before everything that reads what is sealed."""

    def __init__(self, storage: Storage, safe: Safe) -> None:
        self._storage = storage
        self._safe = safe

    async def apply(self, changes: Sequence[Change]) -> None:
        """Read the succession if it changed. HyokError if it cannot be read, or is none of this safe's."""
        if any(change.kind is ChangeKind.ROOT_KEY for change in changes):
            self._safe.adopt(await self._storage.read(read_succession))
