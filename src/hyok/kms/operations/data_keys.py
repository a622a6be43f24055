"""GenerateDataKey, GenerateDataKeyWithoutPlaintext, GenerateRandom: random bytes that KMS makes.

Keys in external key stores make data keys as others do; the service model's remark to the contrary is wrong.
"""

from __future__ import annotations

import os
from collections.abc import Coroutine, Mapping
from typing import Any, Final

from hyok.kms import errors
from hyok.kms.call import Call
from hyok.kms.custom_key_stores import CustomKeyStoreDirectory
from hyok.kms.double_encryption import DoubleEncryption
from hyok.kms.encryption_context import canonical_context
from hyok.kms.key_access import KeyAccess
from hyok.kms.last_usage import LastUsages
from hyok.kms.operation import Input, Operation, Output
from hyok.kms.operations.cryptography import refuse_recipient, shown_material_id

_DATA_KEY_BYTES: Final[Mapping[str, int]] = {"AES_128": 16, "AES_256": 32}


class DataKeys:
    """The operations that make random bytes, wrapped under a KMS key or bare."""

    def __init__(
        self,
        *,
        access: KeyAccess,
        encryption: DoubleEncryption,
        usages: LastUsages,
        stores: CustomKeyStoreDirectory,
    ) -> None:
        self._access = access
        self._encryption = encryption
        self._usages = usages
        self._stores = stores

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by their AWS names."""
        return {
            "GenerateDataKey": self.generate,
            "GenerateDataKeyWithoutPlaintext": self.generate_without_plaintext,
            "GenerateRandom": self.generate_random,
        }

    def generate(self, call: Call, request: Input) -> Coroutine[Any, Any, Output]:
        """GenerateDataKey: the data key, and the same wrapped."""
        refuse_recipient(request)
        return self._generate(call, request, shows_plaintext=True)

    def generate_without_plaintext(self, call: Call, request: Input) -> Coroutine[Any, Any, Output]:
        """GenerateDataKeyWithoutPlaintext: only the wrapped data key, for whoever decrypts it later."""
        return self._generate(call, request, shows_plaintext=False)

    async def generate_random(self, call: Call, request: Input) -> Output:
        """GenerateRandom."""
        refuse_recipient(request)
        size: int | None = request.get("NumberOfBytes")
        store_id: str | None = request.get("CustomKeyStoreId")
        if size is None:
            raise errors.validation("NumberOfBytes is required.")
        if store_id is not None:
            self._stores.find(store_id, account=call.account, region=call.region)
            raise errors.unsupported("GenerateRandom is not supported for external key stores.")
        return {"Plaintext": os.urandom(size)}

    async def _generate(self, call: Call, request: Input, *, shows_plaintext: bool) -> Output:
        size = _data_key_bytes(request)
        context = canonical_context(request.get("EncryptionContext"))
        key = self._access.find(call, request)
        self._access.require_state(call, key)
        if request.get("DryRun"):
            raise errors.dry_run()
        data_key = os.urandom(size)
        output: dict[str, object] = {
            "CiphertextBlob": await self._encryption.seal(call, key, data_key, context),
            "KeyId": key.arn,
            "KeyMaterialId": shown_material_id(key, key.backing_key),
        }
        if shows_plaintext:
            output["Plaintext"] = data_key
        self._usages.record(call, key)
        return output


def _data_key_bytes(request: Input) -> int:
    spec: str | None = request.get("KeySpec")
    size: int | None = request.get("NumberOfBytes")
    if spec is not None and size is None:
        return _DATA_KEY_BYTES[spec]
    if size is not None and spec is None:
        return size
    raise errors.validation("Please specify either number of bytes or key spec.")
