"""How the SigV4 secrets of key stores lie in the storage: who writes them and who reads them agree here."""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import select

from hyok.custody.rewrapping import SealedColumn
from hyok.custody.safe import Safe
from hyok.secret import Secret
from hyok.storage.schema import credentials


class CredentialPlace(NamedTuple):
    """What a credential's secret is bound to: a retired one cannot be made active by editing its row."""

    key_store: str
    access_key_id: str
    is_active: bool
    """Whether `retired_at` is null."""


def seal_credential(safe: Safe, secret: Secret, place: CredentialPlace) -> bytes:
    """Seal a raw secret access key (43 to 64 ASCII characters) for `credentials.sealed_secret`."""
    return safe.seal(secret.reveal(), *_place(place))


def open_credential(safe: Safe, sealed_secret: bytes, place: CredentialPlace) -> Secret:
    """Return the raw secret access key. IntegrityError if it was sealed for another place or state."""
    return safe.open(sealed_secret, *_place(place))


def _place(place: CredentialPlace) -> tuple[str, str, str, str]:
    return "credentials", place.key_store, place.access_key_id, "active" if place.is_active else "retired"


SEALED_SECRETS: Final = SealedColumn(
    credentials,
    "sealed_secret",
    select(credentials.c.access_key_id, credentials.c.key_store, credentials.c.retired_at, credentials.c.sealed_secret),
    lambda row: _place(CredentialPlace(row.key_store, row.access_key_id, is_active=row.retired_at is None)),
)
"""For a change of the root key."""
