"""EnableKeyRotation, DisableKeyRotation, GetKeyRotationStatus, RotateKeyOnDemand, ListKeyRotations.

For ordinary keys: each rotation adds a backing key, and what older ones encrypted stays readable. The material of a key
in an external key store is its holder's to rotate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Final

from hyok.awsjson.errors import AwsError
from hyok.clock import Clock
from hyok.kms import errors
from hyok.kms.backing_keys import BackingKeys, SealedBackingKey, key_material_id
from hyok.kms.call import Call
from hyok.kms.key_access import KeyAccess
from hyok.kms.keys import SECONDS_PER_DAY, Keys
from hyok.kms.operation import Input, Operation, Output
from hyok.kms.pages import page_of, read_limit
from hyok.kms.values import AutomaticRotation, KmsKey, RotationType

ON_DEMAND_ROTATIONS_PER_KEY: Final = 25
"""AWS KMS quota."""

_DEFAULT_PERIOD_DAYS: Final = 365
_QUIET_SECONDS: Final = 20 * 60
"""For how long before an automatic rotation none on demand begins."""
_DEFAULT_LIMIT: Final = 100
_MOST_LISTED: Final = 1000


class RotationOperations:
    """The operations on the material of ordinary keys. Dates come from the key schedule's clock."""

    def __init__(self, *, keys: Keys, backing_keys: BackingKeys, access: KeyAccess, schedule_clock: Clock) -> None:
        self._keys = keys
        self._backing_keys = backing_keys
        self._access = access
        self._schedule_clock = schedule_clock

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by their AWS names."""
        return {
            "EnableKeyRotation": self.enable,
            "DisableKeyRotation": self.disable,
            "GetKeyRotationStatus": self.get_status,
            "RotateKeyOnDemand": self.rotate_on_demand,
            "ListKeyRotations": self.list,
        }

    async def enable(self, call: Call, request: Input) -> None:
        """EnableKeyRotation: the period begins anew unless it is the one in force."""
        days: int = request.get("RotationPeriodInDays", _DEFAULT_PERIOD_DAYS)
        rotation = AutomaticRotation(days, round(self._schedule_clock.now() + days * SECONDS_PER_DAY, 3))
        key = self._find(call, request)

        def change(key: KmsKey) -> KmsKey:
            self._access.require_state(call, key)
            has_period = key.rotation is not None and key.rotation.period_days == days
            return key if has_period else replace(key, rotation=rotation)

        await self._keys.change(key, change)

    async def disable(self, call: Call, request: Input) -> None:
        """DisableKeyRotation."""
        key = self._find(call, request)

        def change(key: KmsKey) -> KmsKey:
            self._access.require_state(call, key)
            return replace(key, rotation=None)

        await self._keys.change(key, change)

    async def get_status(self, call: Call, request: Input) -> Output:
        """GetKeyRotationStatus."""
        key = self._find(call, request)
        self._access.require_state(call, key)
        status: dict[str, object] = {"KeyId": key.key_id, "KeyRotationEnabled": key.rotation is not None}
        if key.rotation is not None:
            status["RotationPeriodInDays"] = key.rotation.period_days
            status["NextRotationDate"] = key.rotation.next_at
        return status

    async def rotate_on_demand(self, call: Call, request: Input) -> Output:
        """RotateKeyOnDemand: done when the answer comes; the dates of automatic rotations stay."""
        now = self._schedule_clock.now()
        key = await self._keys.rotate(
            self._find(call, request),
            partial(self._require_rotatable, call, now),
            rotation_type=RotationType.ON_DEMAND,
            at=now,
        )
        return {"KeyId": key.key_id}

    async def list(self, call: Call, request: Input) -> Output:
        """ListKeyRotations: oldest first, with a key's first material only if asked for."""
        limit = read_limit(request, default=_DEFAULT_LIMIT, most=_MOST_LISTED)
        shows_first = request.get("IncludeKeyMaterial") == "ALL_KEY_MATERIAL"
        key = self._find(call, request)
        self._access.require_state(call, key)
        history = self._backing_keys.history(key.key_id)
        shown = {_sortable(each.number): each for each in history if shows_first or each.rotation_type is not None}
        page = page_of(list(shown), limit=limit, marker=request.get("Marker"))
        return {"Rotations": [_entry(key, shown[number]) for number in page.names], **page.output()}

    def _find(self, call: Call, request: Input) -> KmsKey:
        key = self._access.find_by_id(call, request)
        self._access.require_ordinary(key)
        return key

    def _require_rotatable(self, call: Call, now: float, key: KmsKey) -> KmsKey:
        self._access.require_state(call, key)
        if key.rotation is not None and key.rotation.next_at - now <= _QUIET_SECONDS:
            raise AwsError(
                "ConflictException",
                f"An automatic rotation of {key.arn} is in progress or scheduled to begin within the next 20 minutes.",
            )
        done = sum(
            backing_key.rotation_type is RotationType.ON_DEMAND
            for backing_key in self._backing_keys.history(key.key_id)
        )
        if done >= ON_DEMAND_ROTATIONS_PER_KEY:
            raise errors.limit_exceeded(
                f"{key.arn} was rotated on demand {done} times; the quota is {ON_DEMAND_ROTATIONS_PER_KEY}."
            )
        return key


def _entry(key: KmsKey, backing_key: SealedBackingKey) -> dict[str, object]:
    is_current = backing_key.number == key.backing_key
    entry: dict[str, object] = {
        "KeyId": key.key_id,
        "KeyMaterialId": key_material_id(key, backing_key.number),
        "KeyMaterialState": "CURRENT" if is_current else "NON_CURRENT",
    }
    if backing_key.rotation_type is not None:
        entry["RotationDate"] = backing_key.created_at
        entry["RotationType"] = backing_key.rotation_type.value
    return entry


def _sortable(number: int) -> str:
    return f"{number:010}"
