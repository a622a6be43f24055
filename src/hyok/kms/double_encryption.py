"""Messages under KMS keys: the inner layer always, the outer one for keys in an external key store.

The outer layer encrypts the inner ciphertext, never the plaintext, so neither side alone can decrypt: KMS lacks the
external key, its holder lacks the backing key. Both layers authenticate the blob's header and the encryption context.
"""

from __future__ import annotations

from typing import Protocol

from hyok.kms import errors
from hyok.kms.backing_keys import BackingKeys
from hyok.kms.call import Call
from hyok.kms.ciphertext_blob import (
    DERIVATION_BYTES,
    BlobKind,
    CiphertextBlob,
    encode_external_body,
    encode_header,
)
from hyok.kms.external_failures import ExternalFailure, for_crypto
from hyok.kms.inner_layer import InnerCiphertextError, open_inner, seal_inner
from hyok.kms.values import KmsKey, OuterSealed
from hyok.random_stock import RandomStock
from hyok.secret import Secret


class OuterLayer(Protocol):
    """The external key's side of double encryption. Raises `AwsError` in the words of the XKS proxy specification."""

    async def seal(self, call: Call, key: KmsKey, inner: bytes, aad: bytes) -> OuterSealed:
        """Encrypt an inner ciphertext under the key's external key."""
        ...

    async def open(self, call: Call, key: KmsKey, outer: OuterSealed, aad: bytes) -> bytes:
        """Decrypt to the inner ciphertext."""
        ...


class DoubleEncryption:
    """Turns plaintexts into ciphertext blobs and back."""

    def __init__(self, backing_keys: BackingKeys, outer: OuterLayer) -> None:
        self._backing_keys = backing_keys
        self._outer = outer
        self._derivations = RandomStock(DERIVATION_BYTES)

    async def seal(self, call: Call, key: KmsKey, plaintext: bytes, context: bytes) -> bytes:
        """Encrypt 1 to 4096 bytes under the key's current backing key. `context` is canonical."""
        derivation = self._derivations.take()
        header = encode_header(
            BlobKind.ORDINARY if key.external_key is None else BlobKind.EXTERNAL,
            account=key.account,
            key_id=key.key_id,
            backing_key=key.backing_key,
            derivation=derivation,
        )
        aad = header + context
        inner = seal_inner(self._material(key, key.backing_key), derivation, plaintext, aad)
        if key.external_key is None:
            return header + inner
        return header + encode_external_body(await self._outer.seal(call, key, inner, aad))

    async def open(self, call: Call, key: KmsKey, blob: CiphertextBlob, context: bytes) -> bytes:
        """Decrypt a blob that names this key. `context` is canonical.

        InvalidCiphertextException if KMS can tell by itself that something differs; once the proxy is involved,
        KMSInvalidStateException.
        """
        if isinstance(blob.body, OuterSealed) is not (key.external_key is not None):
            raise errors.invalid_ciphertext()
        material = self._material(key, blob.backing_key)
        aad = blob.header + context
        if isinstance(blob.body, OuterSealed):
            inner = await self._outer.open(call, key, blob.body, aad)
            refusal = for_crypto(ExternalFailure.INNER_CIPHERTEXT_CORRUPTED)
        else:
            inner = blob.body
            refusal = errors.invalid_ciphertext()
        try:
            return open_inner(material, blob.derivation, inner, aad)
        except InnerCiphertextError as error:
            raise refusal from error

    def _material(self, key: KmsKey, number: int) -> Secret:
        material = self._backing_keys.find(key, number)
        if material is None:
            raise errors.invalid_ciphertext()
        return material
