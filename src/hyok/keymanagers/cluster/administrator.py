"""Make and change the keys of a cluster, so that all its members stay alike.

hyok cannot carry a key from one member to another: none ever leaves. What is made in the first member either appears in
the others by itself (they replicate) or is copied there with the maker's own tool.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from hyok.errors import NotDoneError
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import KeyAdministrator, KeyUsage, ManagedKey

REPLICATION_SECONDS: Final = 5.0
"""How long a change in one member may take to appear in the others."""
_LOOK_AGAIN_SECONDS: Final = 0.1

T = TypeVar("T")


class ClusterKeyAdministrator:
    """A `KeyAdministrator` over those of the members."""

    def __init__(self, members: Sequence[tuple[str, KeyAdministrator]], *, members_replicate: bool) -> None:
        self._members = tuple(members)
        self._members_replicate = members_replicate

    def create_key(self, key_id: str, usages: frozenset[KeyUsage]) -> ManagedKey:
        """Create a key in the first member. NotDoneError, once it is made there, if the others do not show it."""
        first, administrator = self._members[0]
        created = administrator.create_key(key_id, usages)
        if missing := self._members_without(created):
            raise NotDoneError(
                f"key {key_id} is made in {first}, but not in {', '.join(missing)}, which could not stand in for it; "
                "copy it there with the maker's tool, then add it to its key store"
            )
        return created

    def rotate_key(self, key_id: str) -> ManagedKey:
        """Rotate a key in the first member, if that reaches the others; NotDoneError before anything is done if not."""
        first, administrator = self._members[0]
        if not self._members_replicate:
            raise NotDoneError(
                f"the members of this cluster do not replicate, and what a new version made in {first} encrypts the "
                "others could not decrypt; give the cluster another key, or set members_replicate if they do"
            )
        rotated = administrator.rotate_key(key_id)
        if missing := self._members_without(rotated):
            raise NotDoneError(
                f"key {key_id} has version {rotated.active_version} in {first}, but after {REPLICATION_SECONDS:.0f} "
                f"seconds still not in {', '.join(missing)}: what it encrypts cannot be decrypted there; look after "
                "their replication now"
            )
        return rotated

    def enable_key(self, key_id: str) -> ManagedKey:
        """Allow use of the key in every member."""
        return self._in_all(key_id, "enabled", lambda administrator: administrator.enable_key(key_id))

    def disable_key(self, key_id: str) -> ManagedKey:
        """Refuse use of the key in every member; each that can be reached does, also if another cannot."""
        return self._in_all(key_id, "disabled", lambda administrator: administrator.disable_key(key_id))

    def show_key(self, key_id: str) -> ManagedKey:
        """Return one key as the first member that answers knows it."""
        return self._ask(lambda administrator: administrator.show_key(key_id))

    def list_keys(self) -> tuple[ManagedKey, ...]:
        """Return all keys of the first member that answers."""
        return self._ask(lambda administrator: administrator.list_keys())

    def _ask(self, question: Callable[[KeyAdministrator], T]) -> T:
        trouble = KeyManagerError(KeyManagerFailure.UNAVAILABLE, "the cluster has no members")
        for _, administrator in self._members:
            try:
                return question(administrator)
            except KeyManagerError as error:
                trouble = error
        raise trouble

    def _in_all(self, key_id: str, done: str, change: Callable[[KeyAdministrator], ManagedKey]) -> ManagedKey:
        changed: dict[str, ManagedKey] = {}
        failed: dict[str, str] = {}
        for name, administrator in self._members:
            try:
                changed[name] = change(administrator)
            except (KeyManagerError, NotDoneError) as error:
                failed[name] = str(error)
        if failed:
            where = f"{done} in {', '.join(changed)}, but not" if changed else f"not {done}"
            raise NotDoneError(
                f"key {key_id} is {where} in "
                + "; ".join(f"{name} ({reason})" for name, reason in failed.items())
                + "; do it again when they can be reached"
            )
        return next(iter(changed.values()))

    def _members_without(self, key: ManagedKey) -> list[str]:
        """Return the members that do not know a key in its newest version, after some patience if they replicate."""
        until = time.monotonic() + (REPLICATION_SECONDS if self._members_replicate else 0.0)
        missing = list(self._members[1:])
        while True:
            missing = [(name, administrator) for name, administrator in missing if not _knows(administrator, key)]
            if not missing or time.monotonic() >= until:
                return [name for name, _ in missing]
            time.sleep(_LOOK_AGAIN_SECONDS)


def _knows(administrator: KeyAdministrator, key: ManagedKey) -> bool:
    try:
        return administrator.show_key(key.key_id).active_version == key.active_version
    except (KeyManagerError, NotDoneError):
        return False
