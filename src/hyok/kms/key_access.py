"""The one way from a request to a KMS key: found by its name, the caller admitted, its state fit for the operation.

The order is AWS's: what the request says by itself has been judged before; then the key, the caller's right to it, what
the key can do at all, its state, and DryRun last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hyok.kms import errors
from hyok.kms.authorization import Authorization
from hyok.kms.call import Call
from hyok.kms.custom_key_stores import CustomKeyStoreDirectory
from hyok.kms.grant_tokens import GrantTokens
from hyok.kms.grant_values import Grant
from hyok.kms.key_states import require_state
from hyok.kms.keys import Keys
from hyok.kms.operation import Input
from hyok.kms.values import KmsKey, Origin

_TAKE_ANY_TOKEN: Final = frozenset({"DescribeKey"})
"""Operations that take grant tokens and whose model has no error for a wrong one: it opens nothing there."""


class KeyAccess:
    """Finds keys for callers who may have them."""

    def __init__(
        self, keys: Keys, stores: CustomKeyStoreDirectory, tokens: GrantTokens, authorization: Authorization
    ) -> None:
        self._keys = keys
        self._stores = stores
        self._tokens = tokens
        self._authorization = authorization

    def find(self, call: Call, request: Input) -> KmsKey:
        """Return the key that `KeyId` names in any of four ways. AwsError if it is not for this caller."""
        name: str = request["KeyId"]
        key = self._keys.find(call, name)
        self.admit(call, request, key, key_name=name, encryption_context=request.get("EncryptionContext"))
        return key

    def find_by_id(self, call: Call, request: Input, member: str = "KeyId") -> KmsKey:
        """Return the key that a member names by key id or ARN. AwsError if it is not for this caller."""
        name: str = request[member]
        key = self._keys.find_by_id(call, name)
        self.admit(call, request, key, key_name=name)
        return key

    def look_up(self, call: Call, name: str) -> KmsKey:
        """Return a key by any name. The caller has not been admitted to it yet."""
        return self._keys.find(call, name)

    def look_up_by_id(self, call: Call, name: str) -> KmsKey:
        """Return a key by key id or ARN. The caller has not been admitted to it yet."""
        return self._keys.find_by_id(call, name)

    def look_up_named_in_blob(self, call: Call, *, action: str, account: str, key_id: str) -> KmsKey:
        """Return the key that a ciphertext blob names. The caller has not been admitted to it yet."""
        key = self._keys.find_named_in_blob(call, account=account, key_id=key_id)
        if key is None:
            raise errors.out_of_reach(call.principal_arn, action, is_of_ciphertext=True)
        return key

    def admit(
        self,
        call: Call,
        request: Input,
        key: KmsKey,
        *,
        action: str = "",
        key_name: str,
        encryption_context: Mapping[str, str] | None = None,
        grant: Grant | None = None,
        is_same_key: bool | None = None,
        is_of_ciphertext: bool = False,
    ) -> None:
        """Return if the caller may do this with a key; the action is the operation if none is given. AwsError."""
        tokens: list[str] | None = request.get("GrantTokens")
        if tokens and call.operation not in _TAKE_ANY_TOKEN:
            self._tokens.check(tokens)
        is_at_home = key.account == call.account
        if call.trace is not None and is_at_home:
            call.trace.keys.append(key)
        self._authorization.require(
            call,
            request,
            key,
            action=action or call.operation,
            key_name=key_name,
            encryption_context=encryption_context,
            grant=grant,
            is_same_key=is_same_key,
            is_of_ciphertext=is_of_ciphertext,
        )
        if call.trace is not None and not is_at_home:
            call.trace.keys.append(key)  # not before: a caller who is refused learns nothing, nor does its trail

    def admit_by_blob(
        self,
        call: Call,
        request: Input,
        key: KmsKey,
        *,
        action: str = "",
        key_name: str | None,
        encryption_context: Mapping[str, str] | None,
        is_same_key: bool | None = None,
    ) -> None:
        """As `admit`, for a key that a ciphertext led to, with its name in the request or without. AwsError."""
        self.admit(
            call,
            request,
            key,
            action=action,
            key_name=key_name or key.arn,
            encryption_context=encryption_context,
            is_same_key=is_same_key,
            is_of_ciphertext=key_name is None,
        )

    def admit_to_retirement(self, call: Call, request: Input, key: KmsKey, grant: Grant) -> None:
        """Return if the caller may retire a grant. AwsError."""
        self._authorization.require_retirement(call, request, key, grant)

    def admit_to_account(self, call: Call, request: Input, *, action: str = "", resource: str = "*") -> None:
        """Return if the caller may do this with what is no key: an alias, everything. AwsError."""
        self._authorization.require_on_account(call, request, action=action or call.operation, resource=resource)

    def admit_to_principal(self, call: Call, request: Input, principal: str) -> None:
        """Return if the caller may ask about a principal. AwsError."""
        self._authorization.require_on_principal(call, request, principal=principal)

    def require_not_locked_out(self, call: Call, key: KmsKey, policy: str) -> None:
        """Refuse a policy for a key under which the caller could not put another one. AwsError."""
        self._authorization.require_not_locked_out(call, key, policy)

    def require_ordinary(self, key: KmsKey) -> None:
        """Refuse what keys in external key stores never do, whatever their state. AwsError UnsupportedOperation…."""
        if key.origin is not Origin.AWS_KMS:
            raise errors.wrong_origin(key)

    def require_state(self, call: Call, key: KmsKey) -> None:
        """Refuse the operation if the key's state does not allow it. AwsError as `key_states` has it."""
        require_state(call, key, self._stores)
