"""CreateAlias, UpdateAlias, DeleteAlias, ListAliases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hyok.kms import errors
from hyok.kms.aliases import Aliases, check_alias_name, check_new_alias_name
from hyok.kms.call import Call
from hyok.kms.key_access import KeyAccess
from hyok.kms.key_names import alias_arn, is_alias
from hyok.kms.operation import Input, Operation, Output
from hyok.kms.pages import read_limit
from hyok.kms.values import Alias, KmsKey

_DEFAULT_LIMIT: Final = 50
_MOST_LISTED: Final = 100


class AliasOperations:
    """The operations on aliases. Only a key's id or ARN names it here, never another alias."""

    def __init__(self, *, aliases: Aliases, access: KeyAccess) -> None:
        self._aliases = aliases
        self._access = access

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by their AWS names."""
        return {
            "CreateAlias": self.create,
            "UpdateAlias": self.update,
            "DeleteAlias": self.delete,
            "ListAliases": self.list,
        }

    async def create(self, call: Call, request: Input) -> None:
        """CreateAlias."""
        check_new_alias_name(request["AliasName"])
        name = self._admitted_name(call, request)
        await self._aliases.create(call, name, self._target(call, request))

    async def update(self, call: Call, request: Input) -> None:
        """UpdateAlias: the alias points at another key from now on, whatever state the old one is in."""
        name = self._admitted_name(call, request)
        self._admit_to_present_target(call, request, name)
        await self._aliases.move(call, name, self._target(call, request))

    async def delete(self, call: Call, request: Input) -> None:
        """DeleteAlias."""
        name = self._admitted_name(call, request)
        self._admit_to_present_target(call, request, name)
        await self._aliases.delete(call, name)

    async def list(self, call: Call, request: Input) -> Output:
        """ListAliases: of the account and Region, or of one key."""
        limit = read_limit(request, default=_DEFAULT_LIMIT, most=_MOST_LISTED)
        marker: str | None = request.get("Marker")
        if request.get("KeyId") is None:
            aliases, page = self._aliases.page(call, limit=limit, marker=marker)
        else:
            key = self._access.look_up_by_id(call, request["KeyId"])
            aliases, page = self._aliases.page_of_key(call, key, limit=limit, marker=marker)
        return {"Aliases": [_entry(alias) for alias in aliases], **page.output()}

    def _admitted_name(self, call: Call, request: Input) -> str:
        """Return the alias name of a request whose caller may do this with an alias of that name."""
        name: str = request["AliasName"]
        check_alias_name(name)
        self._access.admit_to_account(call, request, resource=alias_arn(call.account, call.region, name))
        return name

    def _admit_to_present_target(self, call: Call, request: Input, name: str) -> None:
        """Taking an alias from a key is a right to that key, too."""
        key = self._aliases.target(self._aliases.find(call, name))
        if key is not None:
            self._access.admit(call, request, key, key_name=key.arn)

    def _target(self, call: Call, request: Input) -> KmsKey:
        name: str = request["TargetKeyId"]
        if is_alias(name):
            raise errors.validation("Aliases must refer to keys. Not aliases")
        key = self._access.find_by_id(call, request, "TargetKeyId")
        self._access.require_state(call, key)
        return key


def _entry(alias: Alias) -> dict[str, object]:
    return {
        "AliasName": alias.name,
        "AliasArn": alias.arn,
        "TargetKeyId": alias.key_id,
        "CreationDate": alias.created_at,
        "LastUpdatedDate": alias.updated_at,
    }
