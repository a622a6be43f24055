"""`[storage]` and `[root_key]`: what lies at rest on either side of the trust line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from hyok.config.references import SecretReference
from hyok.config.root_sources import RootSource
from hyok.config.settings.base import About, Settings
from hyok.config.values import StorageUrl


class StorageSettings(Settings, frozen=True, kw_only=True):
    """Where one side keeps what it must not lose."""

    url: Annotated[
        StorageUrl,
        About(
            "The database: an SQLite file, or `postgresql://USER@HOST/DATABASE` with libpq's parameters behind a `?`.",
            '"sqlite:////var/lib/hyok/hyok.db"',
        ),
    ]
    password: Annotated[
        SecretReference | None,
        About("The user's password at the PostgreSQL server.", '"systemd-credential:hyok-database"'),
    ] = None
    anchor: Annotated[
        Path | None,
        About(
            "A file outside the database that knows its newest change, so that an older copy is refused: on storage "
            "that is not copied and restored together with the database.",
            '"/var/lib/hyok-anchor/holder.anchor"',
        ),
    ] = None


class RootKeySettings(Settings, frozen=True, kw_only=True):
    """What wraps everything secret in the storage."""

    source: Annotated[
        RootSource,
        About(
            "Where the root key is, how it is entered, or which key of which key manager it is.",
            '"systemd-credential:hyok-root"',
        ),
    ]
