"""CreateKey: an ordinary key, or one that is tied to an external key for life."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Protocol

from hyok.clock import Clock
from hyok.kms.backing_keys import FIRST_NUMBER
from hyok.kms.call import Call
from hyok.kms.custom_key_stores import CustomKeyStoreDirectory
from hyok.kms.key_access import KeyAccess
from hyok.kms.key_metadata import key_metadata
from hyok.kms.key_names import key_arn
from hyok.kms.key_request import KeyRequest, read_key_request
from hyok.kms.keys import Keys
from hyok.kms.operation import Input, Operation, Output
from hyok.kms.values import KeyState, KmsKey


class ExternalKeyCheck(Protocol):
    """Asks an external key store proxy about a key before a KMS key is tied to it."""

    async def check_new(self, call: Call, store_id: str, xks_key_id: str) -> None:
        """Raise `AwsError` unless the store is connected and the external key is enabled and of the right kind."""
        ...


class CreateKey:
    """The operation that makes keys."""

    def __init__(
        self,
        *,
        keys: Keys,
        access: KeyAccess,
        stores: CustomKeyStoreDirectory,
        external_keys: ExternalKeyCheck,
        clock: Clock,
    ) -> None:
        self._keys = keys
        self._access = access
        self._stores = stores
        self._external_keys = external_keys
        self._clock = clock

    def operations(self) -> Mapping[str, Operation]:
        """Return the operation by its AWS name."""
        return {"CreateKey": self.create}

    async def create(self, call: Call, request: Input) -> Output:
        """CreateKey."""
        wanted = read_key_request(request)
        if wanted.tags:
            self._access.admit_to_account(call, request, action="TagResource")
        if wanted.external_key is not None:
            store_id, xks_key_id = wanted.external_key
            # 1. The store must exist, 2. nobody else may have the external key, 3. it must be fit: the proxy is asked.
            self._stores.find(store_id, account=call.account, region=call.region)
            self._keys.require_untied(wanted.external_key)
            await self._external_keys.check_new(call, store_id, xks_key_id)
        key = self._new_key(call, wanted)
        if wanted.policy is not None and not request.get("BypassPolicyLockoutSafetyCheck"):
            self._access.require_not_locked_out(call, key, wanted.policy)
        await self._keys.create(key)
        if call.trace is not None:
            call.trace.keys.append(key)
        return {"KeyMetadata": key_metadata(key, self._stores)}

    def _new_key(self, call: Call, wanted: KeyRequest) -> KmsKey:
        key_id = str(uuid.uuid4())
        return KmsKey(
            account=call.account,
            region=call.region,
            key_id=key_id,
            arn=key_arn(call.account, call.region, key_id),
            description=wanted.description,
            origin=wanted.origin,
            state=KeyState.ENABLED,
            created_at=round(self._clock.now(), 3),
            deletion_date=None,
            backing_key=FIRST_NUMBER,
            external_key=wanted.external_key,
            policy=wanted.policy,
            tags=wanted.tags,
            rotation=None,
        )
