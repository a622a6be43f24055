"""The one way from a request to a KMS key: found by its name, the caller admitted, its state fit for the operation.

The order is AWS's: what the request says by itself has been judged before; then the key, the caller's right to it, what
the key can do at all, its state, and DryRun last.
"""

from __future__ import annotations

from hyok.kms import errors
from hyok.kms.call import Call
from hyok.kms.custom_key_stores import CustomKeyStoreDirectory
from hyok.kms.grant_tokens import GrantTokens
from hyok.kms.key_states import require_state
from hyok.kms.keys import Keys
from hyok.kms.operation import Input
from hyok.kms.values import KmsKey, Origin


class KeyAccess:
    """Finds keys for callers who may have them."""

    def __init__(self, keys: Keys, stores: CustomKeyStoreDirectory, tokens: GrantTokens) -> None:
        self._keys = keys
        self._stores = stores
        self._tokens = tokens

    def find(self, call: Call, request: Input, member: str = "KeyId") -> KmsKey:
        """Return the key a member of the request names in any of four ways. AwsError if not for this caller."""
        return self.admit(call, request, self._keys.find(call, request[member]))

    def find_by_id(self, call: Call, request: Input, member: str = "KeyId") -> KmsKey:
        """Return the key that a member of the request names by key id or ARN. AwsError if not for this caller."""
        return self.admit(call, request, self._keys.find_by_id(call, request[member]))

    def admit(self, call: Call, request: Input, key: KmsKey) -> KmsKey:
        """Return the key if the caller may do this with it. AwsError."""
        tokens: list[str] | None = request.get("GrantTokens")
        if tokens:
            self._tokens.check(tokens)
        return key

    def look_up(self, call: Call, name: str) -> KmsKey:
        """Return a key by name for comparison only: nothing is done with it, so the caller needs no right to it."""
        return self._keys.find(call, name)

    def find_named_in_blob(self, call: Call, request: Input, *, account: str, key_id: str) -> KmsKey:
        """Return the key that a ciphertext blob names. AwsError if it is not there, or not for this caller."""
        key = self._keys.find_named_in_blob(call, account=account, key_id=key_id)
        if key is None:
            raise errors.ciphertext_of_unknown_key()
        return self.admit(call, request, key)

    def require_ordinary(self, key: KmsKey) -> None:
        """Refuse what keys in external key stores never do, whatever their state. AwsError UnsupportedOperation…."""
        if key.origin is not Origin.AWS_KMS:
            raise errors.wrong_origin(key)

    def require_state(self, call: Call, key: KmsKey) -> None:
        """Refuse the operation if the key's state does not allow it. AwsError as `key_states` has it."""
        require_state(call, key, self._stores)
