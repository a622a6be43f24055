"""Lives through all changes of keys without end and acknowledges each on stdout; the tests kill it.

`python -m tests.integration.durability.life` forks a process for each directory named on stdin, which lives until it is
killed: the modules are then loaded once for all of them. A round: a key is created or imported, encrypts, is rotated,
is to be deleted, and is then kept or destroyed; every few rounds the storage passes to its other root key.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import sys
from pathlib import Path

from hyok.administration.keys import (
    WrappedKey,
    cancel_key_deletion,
    create_key,
    import_key,
    rotate_key,
    schedule_key_deletion,
)
from hyok.assembly.root_keys import sealed_columns
from hyok.assembly.sides import anchor_storage, renew_anchor
from hyok.clock import NO_DEADLINE, AdjustableClock, SystemClock
from hyok.config.settings import StorageSettings
from hyok.config.values import StorageUrl
from hyok.custody.file_root import create_file_root, open_file_root
from hyok.custody.key_transport import check_value, wrap_material
from hyok.custody.rewrapping import begin, describe_keeping, finish, reseal
from hyok.custody.root_key import RootKey
from hyok.custody.safe import Safe, open_safe
from hyok.keymanagers.embedded.administrator import EmbeddedKeyAdministrator
from hyok.keymanagers.embedded.disposal import KeyDisposal
from hyok.keymanagers.embedded.leasing import Leasing
from hyok.keymanagers.embedded.manager import EmbeddedKeyManager
from hyok.secret import Secret
from hyok.storage.changes import Change, ChangeKind
from hyok.storage.engine import open_storage
from hyok.storage.schema import Side

PROBE = b"a value sealed before the kill"
JOURNEY_KEY = Secret(bytes(range(32)))
MONTH_SECONDS = 31 * 86_400
ROUNDS_PER_ROOT = 4


def material_of(key_id: str) -> Secret:
    """Return the material that an imported key of this name has, so that the test knows it."""
    return Secret(hashlib.sha256(key_id.encode()).digest())


class Installation:
    """A storage, its anchor and two root keys, of which it is kept under one or both."""

    def __init__(self, directory: Path, *, anchor: Path | None = None) -> None:
        self.settings = StorageSettings(url=StorageUrl(directory / "hyok.db"), anchor=anchor or directory / "anchor")
        self.roots = [_root(directory / "root-1"), _root(directory / "root-2")]
        self.storage = open_storage(str(self.settings.url), Side.HOLDER)
        self.root = self._root_in_use()
        self.safe = open_safe(self.storage, self.root)
        anchor_storage(self.storage, self.safe, self.settings)

    def other_root(self) -> RootKey:
        """Return the root key to pass to."""
        return next(root for root in self.roots if root.id != self.root.id)

    def _root_in_use(self) -> RootKey:
        keeping = describe_keeping(self.storage)
        known = self.roots[0].id if keeping is None else keeping.root_key_id
        return next(root for root in self.roots if root.id == known)


class Life:
    """What one process does."""

    def __init__(self, directory: Path) -> None:
        self._here = Installation(directory)
        self._clock = AdjustableClock(SystemClock())
        self._open()

    def live(self) -> None:
        """Go on for ever."""
        for number in itertools.count():
            key_id = f"key-{os.getpid()}-{number}"
            self._make(key_id, is_imported=bool(number % 2))
            self._probe(key_id)
            acknowledge(f"rotated {key_id} {rotate_key(self._administrator, key_id).active_version}")
            self._probe(key_id)
            if number % ROUNDS_PER_ROOT == 1:
                self._pass_to_other_root()
            if number % 3:
                schedule_key_deletion(self._administrator, key_id, waiting_days=7)
                acknowledge(f"deleted {key_id} 2")
                self._end(key_id, is_kept=number % 3 == 1)

    def _open(self) -> None:
        storage, safe = self._here.storage, self._here.safe
        self._administrator = EmbeddedKeyAdministrator(storage, safe, SystemClock())
        self._manager = EmbeddedKeyManager(storage, Leasing(safe, SystemClock()))
        self._disposal = KeyDisposal(storage, safe, self._clock)

    def _make(self, key_id: str, *, is_imported: bool) -> None:
        if not is_imported:
            acknowledge(f"created {key_id} {create_key(self._administrator, key_id).active_version}")
            return
        material = material_of(key_id)
        wrapped = WrappedKey(wrap_material(material, JOURNEY_KEY), JOURNEY_KEY, check_value(material))
        acknowledge(f"imported {key_id} {import_key(self._administrator, key_id, wrapped).active_version}")

    def _end(self, key_id: str, *, is_kept: bool) -> None:
        if is_kept:
            cancel_key_deletion(self._administrator, key_id)
            acknowledge(f"kept {key_id} 2")
        else:
            self._clock.advance(MONTH_SECONDS)
            assert key_id in asyncio.run(self._disposal.destroy_due())
            acknowledge(f"destroyed {key_id} 2")

    def _pass_to_other_root(self) -> None:
        here = self._here
        former, successor = here.root, here.other_root()
        key = begin(here.storage, SystemClock(), root=former, successor=successor)
        here.safe = Safe(key.store_id, key.keks)
        reseal(here.storage, here.safe, sealed_columns(Side.HOLDER))
        acknowledge(f"rewrapped {successor.id} 0")
        renew_anchor(here.storage, here.safe, here.settings)
        anchor_storage(here.storage, here.safe, here.settings)  # the end is a change, too
        finish(here.storage, SystemClock(), root=successor)
        acknowledge(f"retired {former.id} 0")
        here.root = successor
        self._open()

    def _probe(self, key_id: str) -> None:
        """Seal a value under the key's newest version."""

        async def seal() -> str:
            await self._manager.apply([Change(0, ChangeKind.EMBEDDED_KEY, key_id, 0.0)])
            version = await self._manager.active_version(key_id, NO_DEADLINE)
            sealed = await self._manager.encrypt(version, PROBE, b"", NO_DEADLINE)
            return " ".join((key_id, str(version.number), sealed.ciphertext.hex(), sealed.iv.hex(), sealed.tag.hex()))

        acknowledge(f"sealed {asyncio.run(seal())}")


def acknowledge(line: str) -> None:
    """Write one line with one system call, so that it is there whole or not at all."""
    os.write(1, line.encode() + b"\n")


def _root(path: Path) -> RootKey:
    return open_file_root(path) if path.exists() else create_file_root(path)


def fork_on_demand() -> None:
    """For each directory named on stdin, fork a process that lives there, and say its process id on stderr."""
    for line in sys.stdin:
        process_id = os.fork()
        if process_id == 0:
            Life(Path(line.strip())).live()
            os._exit(0)
        os.write(2, b"%d\n" % process_id)
        os.waitpid(process_id, 0)
        os.write(2, b"gone\n")


if __name__ == "__main__":
    fork_on_demand()
