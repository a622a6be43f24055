"""Records of what is done to keys outside the storage: an HSM, OpenBao and KMIP servers take part in no transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from hyok.custody.records import Recorder
from hyok.errors import HyokError
from hyok.keymanagers.interface import KeyAdministrator, KeyUsage, ManagedKey
from hyok.storage.engine import Storage

_KIND: Final = "key of a key manager"


class RecordingAdministrator:
    """A `KeyAdministrator` that leaves a record before each change, and a second one if the change fails.

    So what was changed has been recorded, whatever happens in between.
    """

    def __init__(self, inner: KeyAdministrator, storage: Storage, recorder: Recorder, *, name: str) -> None:
        """`name` is the key manager's in the configuration."""
        self._inner = inner
        self._storage = storage
        self._recorder = recorder
        self._name = name

    def create_key(self, key_id: str, usages: frozenset[KeyUsage]) -> ManagedKey:
        """Create a key."""
        with self._recorded(key_id, "create"):
            return self._inner.create_key(key_id, usages)

    def rotate_key(self, key_id: str) -> ManagedKey:
        """Add a version."""
        with self._recorded(key_id, "rotate"):
            return self._inner.rotate_key(key_id)

    def enable_key(self, key_id: str) -> ManagedKey:
        """Allow use of the key."""
        with self._recorded(key_id, "enable"):
            return self._inner.enable_key(key_id)

    def disable_key(self, key_id: str) -> ManagedKey:
        """Refuse all use of the key."""
        with self._recorded(key_id, "disable"):
            return self._inner.disable_key(key_id)

    def show_key(self, key_id: str) -> ManagedKey:
        """Return one key."""
        return self._inner.show_key(key_id)

    def list_keys(self) -> tuple[ManagedKey, ...]:
        """Return all keys."""
        return self._inner.list_keys()

    @contextmanager
    def _recorded(self, key_id: str, act: str) -> Iterator[None]:
        self._note(key_id, act, {})
        try:
            yield
        except HyokError as error:
            self._note(key_id, f"not {act}", {"error": str(error)})
            raise

    def _note(self, key_id: str, act: str, details: dict[str, object]) -> None:
        with self._storage.transaction() as connection:
            self._recorder.note(connection, _KIND, f"{self._name}:{key_id}", act, details)
