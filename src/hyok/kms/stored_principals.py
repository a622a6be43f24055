"""Read principals from the storage: all of them at the start, and from then on those that the change log names."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import Connection

from hyok.custody.safe import Safe
from hyok.errors import HyokError
from hyok.kms.principal_repository import open_principal, read_sealed_principals
from hyok.kms.principals import Principal, Principals, make_principal
from hyok.sigv4.signing import SigningKeys
from hyok.storage.changes import Change, ChangeKind
from hyok.storage.engine import Storage

_log: Final = logging.getLogger(__name__)


class StoredPrincipals:
    """Keeps the principals as the storage has them."""

    def __init__(self, storage: Storage, safe: Safe) -> None:
        """Read all principals, which blocks: called at start."""
        self._storage = storage
        self._safe = safe
        self.principals = Principals()
        with storage.reading() as connection:
            self.principals.replace(self._read(connection, None))

    async def apply(self, changes: Sequence[Change]) -> None:
        """Read again what changed; other changes do not concern principals. HyokError if that is not possible."""
        changed = {change.subject for change in changes if change.kind is ChangeKind.PRINCIPAL}
        if changed:
            found = await self._storage.read(lambda connection: self._read(connection, changed))
            for access_key_id in sorted(changed):
                principal = found.get(access_key_id)
                if principal is not None:
                    _log.info("principal %s may call with access key %s", principal.arn, access_key_id)
                else:
                    _log.info("access key %s is no principal's any more", access_key_id)
            self.principals.replace(dict.fromkeys(changed, None) | found)

    def _read(self, connection: Connection, access_key_ids: Collection[str] | None) -> dict[str, Principal | None]:
        """One that cannot be trusted, or not be understood, is reported and left out."""
        found: dict[str, Principal | None] = {}
        for row in read_sealed_principals(connection, access_key_ids):
            try:
                stored, secret = open_principal(self._safe, row)
                found[stored.access_key_id] = make_principal(stored, SigningKeys(secret))
            except HyokError as error:
                _log.error("principal %s is left out and cannot call: %s", row["arn"], error)
        return found
