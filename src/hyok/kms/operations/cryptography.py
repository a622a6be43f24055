"""Encrypt, Decrypt, ReEncrypt: plaintexts that callers bring, ciphertext blobs that they bring back.

The order of refusals is AWS's: what the request says by itself, the caller's right to the key, the key's state, and
then DryRun, before any work is done and any proxy is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from hyok.awsjson.errors import AwsError
from hyok.awsjson.validation import null_member_error
from hyok.kms import errors
from hyok.kms.backing_keys import key_material_id
from hyok.kms.call import Call
from hyok.kms.ciphertext_blob import CiphertextBlob, MalformedBlobError, parse_blob
from hyok.kms.double_encryption import DoubleEncryption
from hyok.kms.encryption_context import canonical_context
from hyok.kms.key_access import KeyAccess
from hyok.kms.last_usage import LastUsages
from hyok.kms.operation import Input, Operation, Output
from hyok.kms.values import KmsKey

_ALGORITHM: Final = "SYMMETRIC_DEFAULT"
_IGNORE_CIPHERTEXT: Final = "IGNORE_CIPHERTEXT"


class _Source(NamedTuple):
    """What a call wants decrypted, and the key that does it."""

    key: KmsKey
    blob: CiphertextBlob | None
    """None only in a dry run that ignores the ciphertext."""


class Cryptography:
    """The operations that encrypt and decrypt what a caller brings."""

    def __init__(self, *, access: KeyAccess, encryption: DoubleEncryption, usages: LastUsages) -> None:
        self._access = access
        self._encryption = encryption
        self._usages = usages

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by their AWS names."""
        return {"Encrypt": self.encrypt, "Decrypt": self.decrypt, "ReEncrypt": self.re_encrypt}

    async def encrypt(self, call: Call, request: Input) -> Output:
        """Encrypt."""
        plaintext: bytes = request["Plaintext"]
        context = canonical_context(request.get("EncryptionContext"))
        key = self._access.find(call, request)
        _require_symmetric(request.get("EncryptionAlgorithm"))
        self._access.require_state(call, key)
        if request.get("DryRun"):
            raise errors.dry_run()
        blob = await self._encryption.seal(call, key, plaintext, context)
        self._usages.record(call, key)
        return {"CiphertextBlob": blob, "KeyId": key.arn, "EncryptionAlgorithm": _ALGORITHM}

    async def decrypt(self, call: Call, request: Input) -> Output:
        """Decrypt: the blob names its key, `KeyId` only confirms it."""
        refuse_recipient(request)
        context = canonical_context(request.get("EncryptionContext"))
        source = self._find_source(call, request, "KeyId", action="Decrypt")
        self._access.admit_by_blob(
            call,
            request,
            source.key,
            key_name=request.get("KeyId"),
            encryption_context=request.get("EncryptionContext"),
        )
        _require_symmetric(request.get("EncryptionAlgorithm"))
        self._access.require_state(call, source.key)
        if source.blob is None or request.get("DryRun"):
            raise errors.dry_run()
        plaintext = await self._encryption.open(call, source.key, source.blob, context)
        self._usages.record(call, source.key)
        return {
            "KeyId": source.key.arn,
            "Plaintext": plaintext,
            "EncryptionAlgorithm": _ALGORITHM,
            "KeyMaterialId": shown_material_id(source.key, source.blob.backing_key),
        }

    async def re_encrypt(self, call: Call, request: Input) -> Output:
        """ReEncrypt: from one key and context to another; the plaintext does not leave KMS."""
        source_context = canonical_context(request.get("SourceEncryptionContext"))
        destination_context = canonical_context(request.get("DestinationEncryptionContext"))
        source = self._find_source(call, request, "SourceKeyId", action="ReEncryptFrom")
        destination = self._access.look_up(call, request["DestinationKeyId"])
        self._admit_to_both(call, request, source.key, destination)
        _require_symmetric(request.get("SourceEncryptionAlgorithm"))
        _require_symmetric(request.get("DestinationEncryptionAlgorithm"))
        self._access.require_state(call, source.key)
        self._access.require_state(call, destination)
        if source.blob is None or request.get("DryRun"):
            raise errors.dry_run()
        plaintext = await self._encryption.open(call, source.key, source.blob, source_context)
        blob = await self._encryption.seal(call, destination, plaintext, destination_context)
        self._usages.record(call, source.key)
        self._usages.record(call, destination)
        return {
            "CiphertextBlob": blob,
            "SourceKeyId": source.key.arn,
            "KeyId": destination.arn,
            "SourceEncryptionAlgorithm": _ALGORITHM,
            "DestinationEncryptionAlgorithm": _ALGORITHM,
            "SourceKeyMaterialId": shown_material_id(source.key, source.blob.backing_key),
            "DestinationKeyMaterialId": shown_material_id(destination, destination.backing_key),
        }

    def _admit_to_both(self, call: Call, request: Input, source: KmsKey, destination: KmsKey) -> None:
        is_same_key = source.key_id == destination.key_id
        self._access.admit_by_blob(
            call,
            request,
            source,
            action="ReEncryptFrom",
            key_name=request.get("SourceKeyId"),
            encryption_context=request.get("SourceEncryptionContext"),
            is_same_key=is_same_key,
        )
        self._access.admit(
            call,
            request,
            destination,
            action="ReEncryptTo",
            key_name=request["DestinationKeyId"],
            encryption_context=request.get("DestinationEncryptionContext"),
            is_same_key=is_same_key,
        )

    def _find_source(self, call: Call, request: Input, key_member: str, *, action: str) -> _Source:
        """Find the key to decrypt with: the one the blob names, which must be the one the caller named, if any."""
        name: str | None = request.get(key_member)
        ciphertext: bytes | None = request.get("CiphertextBlob")
        if _ignores_ciphertext(request):
            if name is None:
                raise errors.validation(f"{key_member} is required with the DryRun modifier {_IGNORE_CIPHERTEXT}.")
            return _Source(self._access.look_up(call, name), None)
        if ciphertext is None:
            raise null_member_error("CiphertextBlob")
        blob = _parse(ciphertext)
        # KMS API, Decrypt: for a key of another account its id is enough; the ciphertext tells whose it is.
        is_of_another = blob is not None and blob.key_id == name and blob.account != call.account
        named = None if name is None or is_of_another else self._access.look_up(call, name)
        if blob is None:
            raise errors.invalid_ciphertext()
        if named is not None and named.key_id != blob.key_id:
            raise errors.incorrect_key()
        key = self._access.look_up_named_in_blob(call, action=action, account=blob.account, key_id=blob.key_id)
        return _Source(key, blob)


def _parse(ciphertext: bytes) -> CiphertextBlob | None:
    try:
        return parse_blob(ciphertext)
    except MalformedBlobError:
        return None


def refuse_recipient(request: Input) -> None:
    """Refuse an attested recipient: to ignore it and answer the plaintext would give away what it protects."""
    if request.get("Recipient") is not None:
        # Of the modelled errors none fits that all four operations have.
        raise errors.validation("hyok cannot verify attestation documents: it does not have Recipient (AWS Nitro) yet.")


def shown_material_id(key: KmsKey, number: int) -> str | None:
    """Return the `KeyMaterialId` that answers carry for ordinary keys; AWS names none for external key stores."""
    return None if key.external_key is not None else key_material_id(key, number)


def _require_symmetric(algorithm: str | None) -> None:
    if algorithm not in (None, _ALGORITHM):
        raise AwsError("InvalidKeyUsageException", f"Algorithm {algorithm} and key spec {_ALGORITHM} are incompatible.")


def _ignores_ciphertext(request: Input) -> bool:
    modifiers: list[str] = request.get("DryRunModifiers", [])
    if modifiers and not request.get("DryRun"):
        raise errors.validation("DryRunModifiers needs DryRun.")
    return _IGNORE_CIPHERTEXT in modifiers
