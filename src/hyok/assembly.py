"""Configuration in, running objects out: the only place that names concrete backends. Reads top to bottom."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from hyok.clock import Clock, SystemClock
from hyok.config.configuration import Configuration
from hyok.config.references import ReferenceScheme, SecretReference, resolve_secret
from hyok.custody.file_root import open_file_root, parse_root_key
from hyok.custody.root_key import LocalRootKey, RootKey
from hyok.custody.safe import Safe, open_safe
from hyok.keymanagers.embedded.administrator import EmbeddedKeyAdministrator
from hyok.keymanagers.interface import KeyAdministrator
from hyok.storage.engine import Storage, open_storage
from hyok.storage.schema import Side

# 1. What lies at rest: a storage, its root key, and the safe that the root key opens.


def open_root_key(source: SecretReference) -> RootKey:
    """Open the root key that a reference names. OperatorError if it is missing or none."""
    if source.scheme is ReferenceScheme.FILE:
        return open_file_root(Path(source.target))
    secret = resolve_secret(source, os.environ)
    return LocalRootKey(parse_root_key(secret.reveal(), location=str(source)))


# 2. The holder's side: what commands change and the proxy serves.


class Holder(NamedTuple):
    """The customer's side, opened."""

    storage: Storage
    safe: Safe
    clock: Clock
    key_administrators: Mapping[str, KeyAdministrator]
    """By the key manager's name in the configuration; those that can be administered."""


@contextmanager
def open_holder(configuration: Configuration) -> Iterator[Holder]:
    """Open the holder's storage and safe for the length of the block."""
    settings = configuration.require_holder()
    # The root key first: with a wrong one, no storage is created or migrated.
    root = open_root_key(settings.root_key.source)
    storage = open_storage(str(settings.storage.url), Side.HOLDER)
    try:
        safe = open_safe(storage, root)
        clock = SystemClock()
        administrators = {name: EmbeddedKeyAdministrator(storage, safe, clock) for name in settings.key_managers}
        yield Holder(storage, safe, clock, administrators)
    finally:
        storage.close()
