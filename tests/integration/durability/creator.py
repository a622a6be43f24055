"""Creates and rotates keys and acknowledges each on stdout, for a look at its system calls.

`python -m tests.integration.durability.creator DIRECTORY COUNT [PRAGMA]` makes COUNT keys and ends; PRAGMA is run on
each connection, to show what a weaker setting loses.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from hyok.administration.keys import create_key, rotate_key
from hyok.assembly.sides import anchor_storage
from hyok.clock import NO_DEADLINE, SystemClock
from hyok.config.settings import StorageSettings
from hyok.config.values import StorageUrl
from hyok.custody.file_root import create_file_root, open_file_root
from hyok.custody.safe import Safe, open_safe
from hyok.keymanagers.embedded.administrator import EmbeddedKeyAdministrator
from hyok.keymanagers.embedded.leasing import Leasing
from hyok.keymanagers.embedded.manager import EmbeddedKeyManager
from hyok.storage import sqlite
from hyok.storage.changes import Change, ChangeKind
from hyok.storage.engine import Storage, open_storage
from hyok.storage.schema import Side

PROBE = b"a value sealed before the kill"


def open_all(directory: Path) -> tuple[Storage, Safe]:
    """Open the storage and its safe as a service does, made at the first start."""
    root_path = directory / "root"
    root = open_file_root(root_path) if root_path.exists() else create_file_root(root_path)
    storage = open_storage(f"sqlite:///{directory}/hyok.db", Side.HOLDER)
    safe = open_safe(storage, root)
    anchor_storage(storage, safe, StorageSettings(url=StorageUrl(directory / "hyok.db"), anchor=directory / "anchor"))
    return storage, safe


def make_keys(directory: Path, count: int) -> None:
    """Make keys, each acknowledged by a line, then probed: a value is sealed under it and printed.

    Every third key is rotated, which is acknowledged and probed too.
    """
    storage, safe = open_all(directory)
    administrator = EmbeddedKeyAdministrator(storage, safe, SystemClock())
    manager = EmbeddedKeyManager(storage, Leasing(safe, SystemClock()))
    for number in range(count):
        key_id = f"key-{os.getpid()}-{number}"
        acknowledge(f"created {key_id} {create_key(administrator, key_id).active_version}")
        probe(manager, key_id)
        if number % 3 == 0:
            acknowledge(f"rotated {key_id} {rotate_key(administrator, key_id).active_version}")
            probe(manager, key_id)
    storage.close()


def acknowledge(line: str) -> None:
    """Write one line with one system call, so that it is there whole or not at all."""
    os.write(1, line.encode() + b"\n")


def probe(manager: EmbeddedKeyManager, key_id: str) -> None:
    """Seal a value under the key's newest version."""

    async def seal() -> str:
        await manager.apply([Change(0, ChangeKind.EMBEDDED_KEY, key_id, 0.0)])
        version = await manager.active_version(key_id, NO_DEADLINE)
        sealed = await manager.encrypt(version, PROBE, b"", NO_DEADLINE)
        return " ".join((key_id, str(version.number), sealed.ciphertext.hex(), sealed.iv.hex(), sealed.tag.hex()))

    acknowledge(f"sealed {asyncio.run(seal())}")


def main(arguments: list[str]) -> None:
    """Run as the module's docstring says."""
    match arguments:
        case [directory, count]:
            make_keys(Path(directory), int(count))
        case [directory, count, pragma]:
            sqlite.CONNECTION_PRAGMAS = (*sqlite.CONNECTION_PRAGMAS, pragma)  # type: ignore[misc]  # this process's alone
            make_keys(Path(directory), int(count))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
