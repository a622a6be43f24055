"""A key as callers see it: the `KeyMetadata` of CreateKey and DescribeKey."""

from __future__ import annotations

from hyok.kms.backing_keys import key_material_id
from hyok.kms.custom_key_stores import CustomKeyStoreDirectory
from hyok.kms.key_states import effective_state
from hyok.kms.values import KeyState, KmsKey


def key_metadata(key: KmsKey, stores: CustomKeyStoreDirectory) -> dict[str, object]:
    """Return AWS's `KeyMetadata`; members that do not apply to this key are absent."""
    state = effective_state(key, stores)
    metadata: dict[str, object] = {
        "AWSAccountId": key.account,
        "KeyId": key.key_id,
        "Arn": key.arn,
        "CreationDate": key.created_at,
        "Enabled": state is KeyState.ENABLED,
        "Description": key.description,
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": state.value,
        "Origin": key.origin.value,
        "KeyManager": "CUSTOMER",
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": False,
    }
    if key.deletion_date is not None:
        metadata["DeletionDate"] = key.deletion_date
    if key.external_key is None:
        metadata["CurrentKeyMaterialId"] = key_material_id(key, key.backing_key)
    else:
        metadata["CustomKeyStoreId"] = key.external_key.store_id
        metadata["XksKeyConfiguration"] = {"Id": key.external_key.xks_key_id}
    return metadata
