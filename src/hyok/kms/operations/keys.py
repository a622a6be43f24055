"""DescribeKey, GetKeyLastUsage, ListKeys and the operations that change a key's state or description."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from hyok.clock import Clock
from hyok.kms import errors
from hyok.kms.call import Call
from hyok.kms.custom_key_stores import CustomKeyStoreDirectory
from hyok.kms.free_text import read_free_text
from hyok.kms.key_access import KeyAccess
from hyok.kms.key_metadata import key_metadata
from hyok.kms.keys import SECONDS_PER_DAY, Keys
from hyok.kms.last_usage import LastUsages
from hyok.kms.operation import Input, Operation, Output
from hyok.kms.values import KeyState, KmsKey

_SELF: Final = "SELF"
_DEFAULT_LIMIT: Final = 100
_LEAST_WINDOW_DAYS: Final = 7
_MOST_WINDOW_DAYS: Final = 30


class KeyOperations:
    """The operations on keys that exist. Deletion dates come from the key schedule's clock."""

    def __init__(
        self,
        *,
        keys: Keys,
        access: KeyAccess,
        stores: CustomKeyStoreDirectory,
        usages: LastUsages,
        schedule_clock: Clock,
    ) -> None:
        self._keys = keys
        self._access = access
        self._stores = stores
        self._usages = usages
        self._schedule_clock = schedule_clock

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by their AWS names."""
        return {
            "DescribeKey": self.describe,
            "GetKeyLastUsage": self.get_last_usage,
            "ListKeys": self.list,
            "EnableKey": self.enable,
            "DisableKey": self.disable,
            "UpdateKeyDescription": self.update_description,
            "ScheduleKeyDeletion": self.schedule_deletion,
            "CancelKeyDeletion": self.cancel_deletion,
        }

    async def describe(self, call: Call, request: Input) -> Output:
        """DescribeKey: takes aliases too, and never asks the proxy."""
        key = self._access.find(call, request)
        self._access.require_state(call, key)
        return {"KeyMetadata": key_metadata(key, self._stores)}

    async def get_last_usage(self, call: Call, request: Input) -> Output:
        """GetKeyLastUsage: the last successful cryptographic operation since this service started."""
        key = self._access.find_by_id(call, request)
        self._access.require_state(call, key)
        last = self._usages.of(key)
        usage = (
            {}
            if last is None
            else {"Operation": last.operation, "Timestamp": round(last.at, 3), "KmsRequestId": last.request_id}
        )
        return {
            "KeyId": key.key_id,
            "KeyLastUsage": usage,
            "TrackingStartDate": max(key.created_at, self._usages.started_at),
            "KeyCreationDate": key.created_at,
        }

    async def list(self, call: Call, request: Input) -> Output:
        """ListKeys: the account's own, as there is no Resource Access Manager to share others through."""
        limit: int = request.get("Limit", _DEFAULT_LIMIT)
        keys, page = self._keys.page(call, limit=limit, marker=request.get("Marker"))
        owners: list[str] = request.get("ResourceOwners") or [_SELF]
        if _SELF not in owners:
            return {"Keys": [], "Truncated": False}
        return {"Keys": [{"KeyId": key.key_id, "KeyArn": key.arn} for key in keys], **page.output()}

    async def enable(self, call: Call, request: Input) -> None:
        """EnableKey: of a key whose store is not connected, it takes effect when that is."""
        await self._change(call, request, lambda key: replace(key, state=KeyState.ENABLED))

    async def disable(self, call: Call, request: Input) -> None:
        """DisableKey: from the answer on, no new use of the key begins."""
        await self._change(call, request, lambda key: replace(key, state=KeyState.DISABLED))

    async def update_description(self, call: Call, request: Input) -> None:
        """UpdateKeyDescription."""
        description = read_free_text("Description", request["Description"])
        await self._change(call, request, lambda key: replace(key, description=description))

    async def schedule_deletion(self, call: Call, request: Input) -> Output:
        """ScheduleKeyDeletion: the key is of no use from the answer on, and can be saved until its date."""
        # The service model allows 1 to 365 days.
        days: int = request.get("PendingWindowInDays", _MOST_WINDOW_DAYS)
        if not _LEAST_WINDOW_DAYS <= days <= _MOST_WINDOW_DAYS:
            raise errors.out_of_range("pendingWindowInDays", days, least=_LEAST_WINDOW_DAYS, most=_MOST_WINDOW_DAYS)
        date = round(self._schedule_clock.now() + days * SECONDS_PER_DAY, 3)
        key = await self._change(
            call, request, lambda key: replace(key, state=KeyState.PENDING_DELETION, deletion_date=date)
        )
        return {
            "KeyId": key.arn,
            "DeletionDate": date,
            "KeyState": KeyState.PENDING_DELETION.value,
            "PendingWindowInDays": days,
        }

    async def cancel_deletion(self, call: Call, request: Input) -> Output:
        """CancelKeyDeletion: the key is disabled then."""
        key = await self._change(call, request, lambda key: replace(key, state=KeyState.DISABLED, deletion_date=None))
        return {"KeyId": key.arn}

    async def _change(self, call: Call, request: Input, change: Callable[[KmsKey], KmsKey]) -> KmsKey:
        def change_if_allowed(key: KmsKey) -> KmsKey:
            self._access.require_state(call, key)
            return change(key)

        return await self._keys.change(self._access.find_by_id(call, request), change_if_allowed)
