from __future__ import annotations

from dataclasses import replace

import pytest

from hyok.awsjson.errors import AwsError
from hyok.kms.connection_state import ConnectionState
from hyok.kms.custom_key_stores import CustomKeyStoreDirectory
from hyok.kms.key_states import KEY_STATE_TABLE, effective_state, require_state
from hyok.kms.values import KeyState
from tests.unit.kms.examples import EXTERNAL_KEY, ORDINARY_KEY
from tests.unit.kms.running import MODEL, STORE, a_call

ARN = EXTERNAL_KEY.arn
DISABLED = f"DisabledException: {ARN} is disabled."
PENDING = f"KMSInvalidStateException: {ARN} is pending deletion."
NOT_PENDING = f"KMSInvalidStateException: {ARN} is not pending deletion."
NOT_CONNECTED = (
    "KMSInvalidStateException: This KMS key is in a custom key store that is not connected to its external key store "
    "proxy. Connect the external key store and try the request again."
)
OK = ""

# The guide's table: operations, then what they say to Enabled, Disabled, PendingDeletion, Unavailable.
GUIDE: list[tuple[str, str, str, str, str]] = [
    ("Encrypt Decrypt ReEncrypt GenerateDataKey GenerateDataKeyWithoutPlaintext", OK, DISABLED, PENDING, NOT_CONNECTED),
    # For ordinary keys only, which are never unavailable; the others are refused before.
    ("GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext", OK, DISABLED, PENDING, NOT_CONNECTED),
    ("EnableKeyRotation DisableKeyRotation RotateKeyOnDemand", OK, DISABLED, PENDING, OK),
    ("GetKeyRotationStatus ListKeyRotations", OK, OK, PENDING, OK),
    ("CreateGrant", OK, DISABLED, PENDING, OK),
    ("CancelKeyDeletion", NOT_PENDING, NOT_PENDING, OK, NOT_PENDING),
    ("ScheduleKeyDeletion CreateAlias TagResource UntagResource UpdateKeyDescription", OK, OK, PENDING, OK),
    ("EnableKey DisableKey UpdateAlias", OK, OK, PENDING, OK),
    ("DeleteAlias DescribeKey GetKeyPolicy PutKeyPolicy ListAliases ListGrants ListKeyPolicies", OK, OK, OK, OK),
    ("ListResourceTags RetireGrant RevokeGrant GetKeyLastUsage", OK, OK, OK, OK),
]
CELLS = [
    (operation, state, refusal)
    for operations, *refusals in GUIDE
    for operation in operations.split()
    for state, refusal in zip(
        (KeyState.ENABLED, KeyState.DISABLED, KeyState.PENDING_DELETION, KeyState.UNAVAILABLE), refusals, strict=True
    )
]
CONNECTED = CustomKeyStoreDirectory([STORE])
DISCONNECTED = CustomKeyStoreDirectory([replace(STORE, state=ConnectionState.DISCONNECTED)])


@pytest.mark.parametrize(("operation", "state", "refusal"), CELLS)
def test_every_cell_of_the_guide_s_table(operation: str, state: KeyState, refusal: str) -> None:
    stored = KeyState.ENABLED if state is KeyState.UNAVAILABLE else state
    key = replace(EXTERNAL_KEY, state=stored)
    stores = DISCONNECTED if state is KeyState.UNAVAILABLE else CONNECTED
    try:
        require_state(a_call(operation), key, stores)
        said = OK
    except AwsError as error:
        said = str(error)
    assert said == refusal


def test_the_table_names_only_operations_of_aws_and_the_test_knows_them_all() -> None:
    assert set(KEY_STATE_TABLE) == {operation for operation, _, _ in CELLS}
    assert set(KEY_STATE_TABLE) <= set(MODEL.operations)


@pytest.mark.parametrize("state", [state for state in ConnectionState if state is not ConnectionState.CONNECTED])
def test_a_key_is_unavailable_while_its_store_is_anything_but_connected(state: ConnectionState) -> None:
    stores = CustomKeyStoreDirectory([replace(STORE, state=state)])
    assert effective_state(EXTERNAL_KEY, stores) is KeyState.UNAVAILABLE
    assert effective_state(replace(EXTERNAL_KEY, state=KeyState.DISABLED), stores) is KeyState.UNAVAILABLE


def test_pending_deletion_stays_so_whatever_the_store_does() -> None:
    pending = replace(EXTERNAL_KEY, state=KeyState.PENDING_DELETION)
    assert effective_state(pending, DISCONNECTED) is KeyState.PENDING_DELETION


def test_an_ordinary_key_has_no_store_to_lose() -> None:
    assert effective_state(ORDINARY_KEY, CustomKeyStoreDirectory()) is KeyState.ENABLED
