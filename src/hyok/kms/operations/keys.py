"""DescribeKey, ListKeys and the operations that change a key's state or description."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from hyok.clock import Clock
from hyok.kms import errors
from hyok.kms.call import Call
from hyok.kms.custom_key_stores import CustomKeyStoreDirectory
from hyok.kms.key_metadata import key_metadata
from hyok.kms.key_states import require_state
from hyok.kms.keys import Keys
from hyok.kms.operation import Input, Operation, Output
from hyok.kms.values import KeyState, KmsKey

_DEFAULT_LIMIT: Final = 100
_SECONDS_PER_DAY: Final = 86_400
_WINDOW_DAYS: Final = (7, 30)


class KeyOperations:
    """The operations on keys that exist. Deletion dates come from the deletion schedule's clock."""

    def __init__(self, *, keys: Keys, stores: CustomKeyStoreDirectory, deletion_clock: Clock) -> None:
        self._keys = keys
        self._stores = stores
        self._deletion_clock = deletion_clock

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by their AWS names."""
        return {
            "DescribeKey": self.describe,
            "ListKeys": self.list,
            "EnableKey": self.enable,
            "DisableKey": self.disable,
            "UpdateKeyDescription": self.update_description,
            "ScheduleKeyDeletion": self.schedule_deletion,
            "CancelKeyDeletion": self.cancel_deletion,
        }

    async def describe(self, call: Call, request: Input) -> Output:
        """DescribeKey: takes aliases too, and never asks the proxy."""
        name: str = request["KeyId"]
        return {"KeyMetadata": key_metadata(self._keys.find(call, name), self._stores)}

    async def list(self, call: Call, request: Input) -> Output:
        """ListKeys."""
        limit: int = request.get("Limit", _DEFAULT_LIMIT)
        keys, page = self._keys.page(call, limit=limit, marker=request.get("Marker"))
        return {"Keys": [{"KeyId": key.key_id, "KeyArn": key.arn} for key in keys], **page.output()}

    async def enable(self, call: Call, request: Input) -> None:
        """EnableKey: of a key whose store is not connected, it takes effect when that is."""
        await self._change(call, request, lambda key: replace(key, state=KeyState.ENABLED))

    async def disable(self, call: Call, request: Input) -> None:
        """DisableKey: from the answer on, no new use of the key begins."""
        await self._change(call, request, lambda key: replace(key, state=KeyState.DISABLED))

    async def update_description(self, call: Call, request: Input) -> None:
        """UpdateKeyDescription."""
        description: str = request["Description"]
        await self._change(call, request, lambda key: replace(key, description=description))

    async def schedule_deletion(self, call: Call, request: Input) -> Output:
        """ScheduleKeyDeletion: the key is of no use from the answer on, and can be saved until its date."""
        days: int = request.get("PendingWindowInDays", _WINDOW_DAYS[1])
        _check_window(days)
        date = round(self._deletion_clock.now() + days * _SECONDS_PER_DAY, 3)
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
            require_state(call, key, self._stores)
            return change(key)

        name: str = request["KeyId"]
        return await self._keys.change(self._keys.find_by_id(call, name), change_if_allowed)


def _check_window(days: int) -> None:
    """Refuse what the service refuses; the service model allows 1 to 365."""
    least, most = _WINDOW_DAYS
    if days < least:
        bound = f"greater than or equal to {least}"
    elif days > most:
        bound = f"less than or equal to {most}"
    else:
        return
    raise errors.validation(
        f"1 validation error detected: Value '{days}' at 'pendingWindowInDays' failed to satisfy constraint: "
        f"Member must have value {bound}"
    )
