"""The material of KMS keys inside KMS: sealed at rest, opened on first use, gone for good with its key."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from hyok.custody.safe import Safe
from hyok.kms.inner_layer import BACKING_KEY_BYTES
from hyok.kms.values import KmsKey, RotationType
from hyok.secret import Secret
from hyok.sha256 import sha256

OPENED_AT_MOST: Final = 131_072
"""How many backing keys are kept opened, at some 250 bytes: more than the keys that an account may have. Opening one
again costs some microseconds."""

FIRST_NUMBER: Final = 1


class SealedBackingKey(NamedTuple):
    """One backing key as it is stored."""

    key_id: str
    """The KMS key it belongs to."""
    number: int
    sealed_material: bytes
    created_at: float
    """Unix seconds."""
    rotation_type: RotationType | None
    """None for a key's first."""


class BackingKeys:
    """The backing keys of all KMS keys, each bound to its key, its number and its key's external key.

    Bound, so that a row edited to point a KMS key at another external key has a backing key that does not open.
    """

    def __init__(self, safe: Safe, sealed: Iterable[SealedBackingKey] = ()) -> None:
        self._safe = safe
        self._sealed: dict[str, dict[int, SealedBackingKey]] = {}
        self._opened: dict[tuple[str, int], Secret] = {}
        for backing_key in sealed:
            self.add(backing_key)

    def create(self, key: KmsKey, *, at: float, rotation_type: RotationType | None = None) -> SealedBackingKey:
        """Make fresh material for a key's current backing key. It counts once it is stored and given to `add`."""
        sealed = self._safe.seal(os.urandom(BACKING_KEY_BYTES), *_place(key, key.backing_key))
        return SealedBackingKey(key.key_id, key.backing_key, sealed, at, rotation_type)

    def add(self, backing_key: SealedBackingKey) -> None:
        """Take up a backing key that is stored."""
        self._sealed.setdefault(backing_key.key_id, {})[backing_key.number] = backing_key

    def history(self, key_id: str) -> Sequence[SealedBackingKey]:
        """Return all backing keys a key has had, oldest first."""
        return sorted(self._sealed.get(key_id, {}).values(), key=lambda backing_key: backing_key.number)

    def find(self, key: KmsKey, number: int) -> Secret | None:
        """Return a key's material of that number, or None if it never had one.

        Raises `hyok.custody.errors.IntegrityError` if the stored row was altered.
        """
        opened = self._opened.get((key.key_id, number))
        return self._open(key, number) if opened is None else opened

    def forget(self, key_id: str) -> None:
        """Drop all material of a key that was deleted."""
        for number in self._sealed.pop(key_id, {}):
            self._opened.pop((key_id, number), None)

    def _open(self, key: KmsKey, number: int) -> Secret | None:
        backing_key = self._sealed.get(key.key_id, {}).get(number)
        if backing_key is None:
            return None
        material = self._safe.open(backing_key.sealed_material, *_place(key, number))
        if len(self._opened) >= OPENED_AT_MOST:
            self._opened.clear()
        self._opened[key.key_id, number] = material
        return material


def key_material_id(key: KmsKey, number: int) -> str:
    """Return AWS's `KeyMaterialId` of a backing key: 64 hexadecimal digits that tell nothing about the material."""
    return sha256(f"{key.arn}/{number}".encode()).hexdigest()


def place_of_backing_key(
    arn: str, number: int, store_id: str | None, xks_key_id: str | None
) -> tuple[str, str, int, str, str]:
    """Return what a backing key is bound to: its KMS key, its number, and the external key, if the KMS key has one."""
    return ("backing_keys", arn, number, store_id or "", xks_key_id or "")


def _place(key: KmsKey, number: int) -> tuple[str, str, int, str, str]:
    store_id, xks_key_id = key.external_key or (None, None)
    return place_of_backing_key(key.arn, number, store_id, xks_key_id)
