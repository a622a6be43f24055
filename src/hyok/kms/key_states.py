"""What each operation may do to a key in each state: AWS's key state table as data.

Source: AWS KMS Developer Guide, "Key states of AWS KMS keys", the column for keys in external key stores; an ordinary
key is never UNAVAILABLE. Where the guide leaves DisabledException or KMSInvalidStateException open for a key that is
pending deletion, AWS's recorded answers decide: KMSInvalidStateException.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from hyok.kms import errors
from hyok.kms.call import Call
from hyok.kms.connection_state import ConnectionState
from hyok.kms.custom_key_stores import CustomKeyStoreDirectory
from hyok.kms.external_failures import ExternalFailure, for_crypto
from hyok.kms.values import KeyState, KmsKey


class Verdict(Enum):
    """What the table says for one operation and one state."""

    ALLOWED = "allowed"
    KEY_DISABLED = "key disabled"
    PENDING_DELETION = "pending deletion"
    NOT_PENDING_DELETION = "not pending deletion"
    STORE_NOT_CONNECTED = "store not connected"


_Row = Mapping[KeyState, Verdict]

_ANY_STATE: Final[_Row] = dict.fromkeys(KeyState, Verdict.ALLOWED)
_UNLESS_PENDING_DELETION: Final[_Row] = {**_ANY_STATE, KeyState.PENDING_DELETION: Verdict.PENDING_DELETION}
_UNLESS_DISABLED_EITHER: Final[_Row] = {**_UNLESS_PENDING_DELETION, KeyState.DISABLED: Verdict.KEY_DISABLED}
_ONLY_ENABLED: Final[_Row] = {**_UNLESS_DISABLED_EITHER, KeyState.UNAVAILABLE: Verdict.STORE_NOT_CONNECTED}
_ONLY_PENDING_DELETION: Final[_Row] = {
    **dict.fromkeys(KeyState, Verdict.NOT_PENDING_DELETION),
    KeyState.PENDING_DELETION: Verdict.ALLOWED,
}

KEY_STATE_TABLE: Final[Mapping[str, _Row]] = {
    "Encrypt": _ONLY_ENABLED,
    "Decrypt": _ONLY_ENABLED,
    "ReEncrypt": _ONLY_ENABLED,
    "GenerateDataKey": _ONLY_ENABLED,
    "GenerateDataKeyWithoutPlaintext": _ONLY_ENABLED,
    "GenerateDataKeyPair": _ONLY_ENABLED,
    "GenerateDataKeyPairWithoutPlaintext": _ONLY_ENABLED,
    "CreateGrant": _UNLESS_DISABLED_EITHER,
    "CancelKeyDeletion": _ONLY_PENDING_DELETION,
    "ScheduleKeyDeletion": _UNLESS_PENDING_DELETION,
    "EnableKeyRotation": _UNLESS_DISABLED_EITHER,
    "DisableKeyRotation": _UNLESS_DISABLED_EITHER,
    "RotateKeyOnDemand": _UNLESS_DISABLED_EITHER,
    "GetKeyRotationStatus": _UNLESS_PENDING_DELETION,
    "ListKeyRotations": _UNLESS_PENDING_DELETION,
    "EnableKey": _UNLESS_PENDING_DELETION,
    "DisableKey": _UNLESS_PENDING_DELETION,
    "UpdateKeyDescription": _UNLESS_PENDING_DELETION,
    "CreateAlias": _UNLESS_PENDING_DELETION,
    "UpdateAlias": _UNLESS_PENDING_DELETION,
    "TagResource": _UNLESS_PENDING_DELETION,
    "UntagResource": _UNLESS_PENDING_DELETION,
    "DeleteAlias": _ANY_STATE,
    "DescribeKey": _ANY_STATE,
    "GetKeyLastUsage": _ANY_STATE,
    "GetKeyPolicy": _ANY_STATE,
    "PutKeyPolicy": _ANY_STATE,
    "ListAliases": _ANY_STATE,
    "ListGrants": _ANY_STATE,
    "ListKeyPolicies": _ANY_STATE,
    "ListResourceTags": _ANY_STATE,
    "RetireGrant": _ANY_STATE,
    "RevokeGrant": _ANY_STATE,
}
"""For UpdateAlias the key meant is the new target; the old one may be in any state. What a key can never do, such as
rotation in an external key store, is refused before its state is asked for."""


def effective_state(key: KmsKey, stores: CustomKeyStoreDirectory) -> KeyState:
    """Return the state a caller sees: UNAVAILABLE while the store is not connected, but PENDING_DELETION stays."""
    if key.external_key is None or key.state is KeyState.PENDING_DELETION:
        return key.state
    store = stores.get(key.external_key.store_id)
    return key.state if store.state is ConnectionState.CONNECTED else KeyState.UNAVAILABLE


def require_state(call: Call, key: KmsKey, stores: CustomKeyStoreDirectory) -> None:
    """Raise the error AWS gives for this operation if the key's effective state does not allow it."""
    verdict = KEY_STATE_TABLE[call.operation][effective_state(key, stores)]
    match verdict:
        case Verdict.ALLOWED:
            return
        case Verdict.KEY_DISABLED:
            raise errors.key_disabled(key.arn)
        case Verdict.PENDING_DELETION:
            raise errors.key_pending_deletion(key.arn)
        case Verdict.NOT_PENDING_DELETION:
            raise errors.key_not_pending_deletion(key.arn)
        case Verdict.STORE_NOT_CONNECTED:
            raise for_crypto(ExternalFailure.STORE_NOT_CONNECTED)
