"""The trust line: the customer's side and the KMS side share neither storage nor root key.

Whoever held the one file that both sides used would undo double encryption.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from hyok.config.references import resolve_path
from hyok.config.root_sources import RootSource
from hyok.config.settings import FileSettings
from hyok.config.values import StorageUrl
from hyok.errors import OperatorError

_WHY: Final = "whoever has it could undo double encryption"


def refuse_shared_sides(settings: FileSettings, environment: Mapping[str, str], *, name: str) -> None:
    """Raise OperatorError if one storage or one root key is named for both sides. Links are followed."""
    if settings.kms is None:
        return
    if settings.storage is not None and _database_identity(settings.storage.url) == _database_identity(
        settings.kms.storage.url
    ):
        raise OperatorError(
            f"{name}: storage.url and kms.storage.url name one database ({settings.storage.url}); the two sides of the "
            f"trust line must not share it, because {_WHY}; give the KMS a storage of its own"
        )
    if settings.root_key is not None:
        ours, theirs = settings.root_key.source, settings.kms.root_key.source
        if not ours.is_entered and _key_identity(ours, environment) == _key_identity(theirs, environment):
            raise OperatorError(
                f"{name}: root_key.source and kms.root_key.source name one key ({ours}); the two sides of the trust "
                f"line must not share it, because {_WHY}; give the KMS a root key of its own"
            )


def _key_identity(source: RootSource, environment: Mapping[str, str]) -> object:
    try:
        path = None if source.secret is None else resolve_path(source.secret, environment)
    except OperatorError:
        path = None  # a credential outside its unit, where only its name can be compared
    return str(source) if path is None else _file_identity(path)


def _database_identity(url: StorageUrl) -> object:
    """Return what is the same for two names of one database, as far as the names tell. Opening it tells the rest."""
    if url.path is not None:
        return _file_identity(url.path)
    parts = urlsplit(url.server)
    return parts.hostname, parts.port or 5432, parts.path, parts.query


def _file_identity(path: Path) -> object:
    """Return what is the same for two names of one file: hard links count while it exists."""
    try:
        status = path.stat()
    except OSError:
        return os.path.realpath(path)
    return status.st_dev, status.st_ino
