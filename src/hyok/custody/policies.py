"""How the policies of secondary authorization lie in the storage: who writes them and who reads them agree here.

They are no secret. They are sealed because whoever could edit a row could otherwise permit themselves the keys.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import select

from hyok.custody.rewrapping import SealedColumn
from hyok.custody.safe import Safe
from hyok.storage.schema import proxy_policies


class PolicyPlace(NamedTuple):
    """What a document is bound to: one in shadow mode cannot be put in force by editing its row."""

    key_store: str
    external_key_id: str
    """Empty for a policy of the whole key store."""
    name: str
    mode: str


def seal_policy(safe: Safe, document: bytes, place: PolicyPlace) -> bytes:
    """Seal a document for `proxy_policies.sealed_document`."""
    return safe.seal(document, "proxy_policies", *place)


def open_policy(safe: Safe, sealed_document: bytes, place: PolicyPlace) -> bytes:
    """Return the document. IntegrityError if it was sealed for another place or mode."""
    return safe.open(sealed_document, "proxy_policies", *place).reveal()


_COLUMNS: Final = proxy_policies.c
SEALED_POLICIES: Final = SealedColumn(
    proxy_policies,
    "sealed_document",
    select(_COLUMNS.key_store, _COLUMNS.external_key_id, _COLUMNS.name, _COLUMNS.mode, _COLUMNS.sealed_document),
    lambda row: ("proxy_policies", row.key_store, row.external_key_id, row.name, row.mode),
)
"""For a change of the root key."""
