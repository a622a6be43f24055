"""PutKeyPolicy, GetKeyPolicy, ListKeyPolicies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from hyok.awsjson.errors import AwsError
from hyok.kms import errors
from hyok.kms.call import Call
from hyok.kms.key_access import KeyAccess
from hyok.kms.key_policy import POLICY_NAME, policy_of, read_policy
from hyok.kms.keys import Keys
from hyok.kms.operation import Input, Operation, Output
from hyok.kms.values import KmsKey

_RAM_POLICY_NAME: Final = "AWS_RAM"


class KeyPolicyOperations:
    """The operations on key policies."""

    def __init__(self, *, keys: Keys, access: KeyAccess) -> None:
        self._keys = keys
        self._access = access

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by their AWS names."""
        return {
            "PutKeyPolicy": self.put,
            "GetKeyPolicy": self.get,
            "ListKeyPolicies": self.list,
        }

    async def put(self, call: Call, request: Input) -> None:
        """PutKeyPolicy: in force from the answer on."""
        policy = read_policy(request["Policy"])
        key = self._access.find_by_id(call, request)
        if request.get("PolicyName") == _RAM_POLICY_NAME:
            raise errors.validation("The AWS_RAM policy can only be managed by the RAM service.")
        _require_default(request)
        if not request.get("BypassPolicyLockoutSafetyCheck"):
            self._access.require_not_locked_out(call, key, policy)

        def change(key: KmsKey) -> KmsKey:
            self._access.require_state(call, key)
            return replace(key, policy=policy)

        await self._keys.change(key, change)

    async def get(self, call: Call, request: Input) -> Output:
        """GetKeyPolicy."""
        key = self._access.find_by_id(call, request)
        self._access.require_state(call, key)
        _require_default(request)
        return {"Policy": policy_of(key), "PolicyName": POLICY_NAME}

    async def list(self, call: Call, request: Input) -> Output:
        """ListKeyPolicies."""
        self._access.require_state(call, self._access.find_by_id(call, request))
        return {"PolicyNames": [POLICY_NAME], "Truncated": False}


def _require_default(request: Input) -> None:
    if request.get("PolicyName", POLICY_NAME) != POLICY_NAME:
        raise AwsError("NotFoundException", "No such policy exists")
