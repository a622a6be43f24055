"""Changes keys on a disk that fills up. Run by its test as root of a namespace of its own, in which it may mount.

`python -m tests.integration.durability.full_disk DIRECTORY storage|anchor` mounts a small disk below DIRECTORY, for all
or for the anchor alone. It fills the disk but for some KiB, tries every change of a key and of the root key, each of
which is done or refused, empties the disk, and looks whether all that was acknowledged is there and nothing half.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from hyok.administration.keys import create_key, rotate_key, schedule_key_deletion
from hyok.assembly.root_keys import sealed_columns
from hyok.assembly.sides import renew_anchor
from hyok.clock import NO_DEADLINE, AdjustableClock, SystemClock
from hyok.custody.rewrapping import begin, finish, reseal
from hyok.custody.safe import Safe
from hyok.errors import HyokError
from hyok.keymanagers.embedded.administrator import EmbeddedKeyAdministrator
from hyok.keymanagers.embedded.disposal import KeyDisposal
from hyok.keymanagers.embedded.leasing import Leasing
from hyok.keymanagers.embedded.manager import EmbeddedKeyManager
from hyok.storage.schema import Side
from tests.integration.durability.life import MONTH_SECONDS, Installation
from tests.integration.durability.test_kill import assert_all_is_there

DISK_KIB = 1024
ROUNDS = 16
KIB_LEFT_MORE_EACH_ROUND = 4


class Disk:
    """A small disk and the file that fills it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_KIB}k", "tmpfs", directory], check=True)
        self._filler = directory / "filler"

    def fill(self, *, kib_left: int) -> None:
        """Leave so much."""
        status = os.statvfs(self.directory)
        self._filler.write_bytes(bytes(max(0, status.f_bavail * status.f_frsize - kib_left * 1024)))

    def empty(self) -> None:
        """Make room again."""
        self._filler.unlink()


class Tries:
    """Tries changes and keeps what was acknowledged, as the kill test has it."""

    def __init__(self) -> None:
        self.lines: list[list[str]] = []
        self.refused = 0

    def attempt(self, verb: str, key_id: str, change: Callable[[], object]) -> bool:
        """Make a change. Whatever is no `HyokError` is a defect."""
        try:
            change()
        except HyokError:
            self.refused += 1
            return False
        self.lines.append([verb, key_id, "0"])
        return True


def change_all(here: Installation, tries: Tries, number: int) -> None:
    """Try every change, as far as one depends on the other."""
    key_id = f"key-0-{2 * number}"
    administrator = EmbeddedKeyAdministrator(here.storage, here.safe, SystemClock())
    ahead = AdjustableClock(SystemClock())
    ahead.advance(MONTH_SECONDS)

    def destroy() -> None:
        assert key_id in asyncio.run(KeyDisposal(here.storage, here.safe, ahead).destroy_due())

    if (
        tries.attempt("created", key_id, lambda: create_key(administrator, key_id))
        and tries.attempt("rotated", key_id, lambda: rotate_key(administrator, key_id))
        and tries.attempt("deleted", key_id, lambda: schedule_key_deletion(administrator, key_id, waiting_days=7))
    ):
        tries.attempt("destroyed", key_id, destroy)


def pass_to_other_root(here: Installation, tries: Tries) -> None:
    """Try to pass to the other root key, which goes on where it was refused before."""
    successor = here.other_root()

    def rewrap() -> None:
        key = begin(here.storage, SystemClock(), root=here.root, successor=successor)
        here.safe = Safe(key.store_id, key.keks)
        assert reseal(here.storage, here.safe, sealed_columns(Side.HOLDER)).unreadable == ()

    def retire() -> None:
        renew_anchor(here.storage, here.safe, here.settings)
        finish(here.storage, SystemClock(), root=successor)

    if tries.attempt("rewrapped", successor.id, rewrap):
        tries.attempt("retired", here.root.id, retire)


def use_kept_key(here: Installation) -> None:
    """Decrypt, for which nothing is written."""
    manager = EmbeddedKeyManager(here.storage, Leasing(here.safe, SystemClock()))
    description = asyncio.run(manager.describe_key("kept", NO_DEADLINE))
    assert description.is_enabled


def main(directory: Path, *, is_storage_on_it: bool) -> None:
    """Run as the module's docstring says, and print how many changes were done and refused."""
    disk = Disk(directory / "disk")
    place = disk.directory if is_storage_on_it else directory
    anchor = disk.directory / "anchor"
    first = Installation(place, anchor=anchor)
    create_key(EmbeddedKeyAdministrator(first.storage, first.safe, SystemClock()), "kept")
    first.storage.close()
    tries = Tries()
    states = {"kept": "enabled 1"}
    for number in range(ROUNDS):
        here = Installation(place, anchor=anchor)
        disk.fill(kib_left=number * KIB_LEFT_MORE_EACH_ROUND)
        change_all(here, tries, number)
        pass_to_other_root(here, tries)
        use_kept_key(here)
        here.storage.close()
        disk.empty()
        states = assert_all_is_there(place, tries.lines, states, anchor=anchor)
    print(len(tries.lines), tries.refused)


if __name__ == "__main__":
    main(Path(sys.argv[1]), is_storage_on_it=sys.argv[2] == "storage")
