"""How the storage fails once it is open. What keeps it from opening is an `OperatorError`."""

from __future__ import annotations

from hyok.errors import HyokError


class StorageError(HyokError):
    """The database refused or failed a statement: it is locked, full, damaged, or a constraint does not hold.

    Whatever the transaction did before is undone.
    """
