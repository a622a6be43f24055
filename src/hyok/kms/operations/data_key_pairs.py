"""GenerateDataKeyPair, GenerateDataKeyPairWithoutPlaintext."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from hyok.kms import errors
from hyok.kms.backing_keys import key_material_id
from hyok.kms.call import Call
from hyok.kms.data_key_pairs import KEY_PAIR_SPECS, generate_key_pair
from hyok.kms.double_encryption import DoubleEncryption
from hyok.kms.encryption_context import canonical_context
from hyok.kms.key_access import KeyAccess
from hyok.kms.last_usage import LastUsages
from hyok.kms.operation import Input, Operation, Output
from hyok.kms.operations.cryptography import refuse_recipient


class DataKeyPairs:
    """The operations that make key pairs, with the private key wrapped under an ordinary KMS key."""

    def __init__(self, *, access: KeyAccess, encryption: DoubleEncryption, usages: LastUsages) -> None:
        self._access = access
        self._encryption = encryption
        self._usages = usages

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by their AWS names."""
        return {
            "GenerateDataKeyPair": self.generate,
            "GenerateDataKeyPairWithoutPlaintext": self.generate_without_plaintext,
        }

    async def generate(self, call: Call, request: Input) -> Output:
        """GenerateDataKeyPair: the private key in plaintext, too."""
        refuse_recipient(request)
        return await self._generate(call, request, shows_plaintext=True)

    async def generate_without_plaintext(self, call: Call, request: Input) -> Output:
        """GenerateDataKeyPairWithoutPlaintext."""
        return await self._generate(call, request, shows_plaintext=False)

    async def _generate(self, call: Call, request: Input, *, shows_plaintext: bool) -> Output:
        spec: str = request["KeyPairSpec"]
        if spec not in KEY_PAIR_SPECS:
            raise errors.unsupported(f"hyok does not have data key pairs with KeyPairSpec {spec}.")
        context = canonical_context(request.get("EncryptionContext"))
        key = self._access.find(call, request)
        self._access.require_ordinary(key)
        self._access.require_state(call, key)
        if request.get("DryRun"):
            raise errors.dry_run()
        pair = await asyncio.to_thread(generate_key_pair, spec)
        output: dict[str, object] = {
            "PrivateKeyCiphertextBlob": await self._encryption.seal(call, key, pair.private, context),
            "PublicKey": pair.public,
            "KeyId": key.arn,
            "KeyPairSpec": spec,
            "KeyMaterialId": key_material_id(key, key.backing_key),
        }
        if shows_plaintext:
            output["PrivateKeyPlaintext"] = pair.private
        self._usages.record(call, key)
        return output
