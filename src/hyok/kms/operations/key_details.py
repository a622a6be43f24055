"""GetKeyPolicy, ListKeyPolicies, ListResourceTags: what Terraform and the console read of every key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hyok.awsjson.errors import AwsError
from hyok.kms.call import Call
from hyok.kms.key_policy import POLICY_NAME, policy_of
from hyok.kms.keys import Keys
from hyok.kms.operation import Input, Operation, Output
from hyok.kms.pages import page_of

_DEFAULT_LIMIT: Final = 50


class KeyDetails:
    """The operations that read what a key was given besides its material."""

    def __init__(self, *, keys: Keys) -> None:
        self._keys = keys

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by their AWS names."""
        return {
            "GetKeyPolicy": self.get_policy,
            "ListKeyPolicies": self.list_policies,
            "ListResourceTags": self.list_tags,
        }

    async def get_policy(self, call: Call, request: Input) -> Output:
        """GetKeyPolicy."""
        key = self._keys.find_by_id(call, request["KeyId"])
        name: str = request.get("PolicyName", POLICY_NAME)
        if name != POLICY_NAME:
            raise AwsError("NotFoundException", "No such policy exists")
        return {"Policy": policy_of(key), "PolicyName": POLICY_NAME}

    async def list_policies(self, call: Call, request: Input) -> Output:
        """ListKeyPolicies."""
        self._keys.find_by_id(call, request["KeyId"])
        return {"PolicyNames": [POLICY_NAME], "Truncated": False}

    async def list_tags(self, call: Call, request: Input) -> Output:
        """ListResourceTags."""
        key = self._keys.find_by_id(call, request["KeyId"])
        limit: int = request.get("Limit", _DEFAULT_LIMIT)
        values = dict(key.tags)
        page = page_of(sorted(values), limit=limit, marker=request.get("Marker"))
        return {"Tags": [{"TagKey": name, "TagValue": values[name]} for name in page.names], **page.output()}
