"""What key managers are made with, and what comes of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import NamedTuple

from hyok.clock import Clock
from hyok.custody.records import Recorder
from hyok.custody.safe import Safe
from hyok.keymanagers.interface import KeyManager
from hyok.keymanagers.pkcs11.modules import Modules
from hyok.storage.changes import Change
from hyok.storage.engine import Storage

Follow = Callable[[Sequence[Change]], Awaitable[None]]
"""Takes in what changed in the storage."""


class KeyManagerAccess(NamedTuple):
    """What key managers are made with, besides their settings."""

    storage: Storage
    safe: Safe
    clock: Clock
    recorder: Recorder
    pkcs11_modules: Modules
    """Every library of this process: each may be loaded but once."""


class OpenKeyManager(NamedTuple):
    """A key manager that serves, and if its keys are in the storage, how it follows that and what it sees to there."""

    manager: KeyManager
    apply: Follow | None = None
    upkeep: Callable[[], Coroutine[object, None, None]] | None = None
    """Never ends by itself."""
    encryption_share: Callable[[], float] | None = None
    """How much one version has given out of what it may encrypt, for the key where it is most; from 0 to 1."""
    forget_material: Callable[[], None] | None = None
    """Drops the keys that lie open in memory."""
