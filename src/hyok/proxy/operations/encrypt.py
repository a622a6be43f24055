"""Encrypt: under the key's active version, which the ciphertext metadata names and the AAD binds.

With an integrity value asked for, the key manager must first decrypt what it just made (XKS API, Encrypt).
"""

from __future__ import annotations

from functools import partial

from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure, KeyRotatedError
from hyok.keymanagers.interface import KeyUsage, KeyVersion, Sealed, encrypt_verified
from hyok.proxy.call import KeyCall
from hyok.proxy.ciphertext_metadata import encode_ciphertext_metadata
from hyok.xks.aad import frame_aad
from hyok.xks.errors import XksError, XksErrorName
from hyok.xks.integrity import integrity_value
from hyok.xks.messages import EncryptRequest, EncryptResponse


async def encrypt(asked: EncryptRequest, call: KeyCall) -> EncryptResponse:
    """Encrypt. KeyManagerError; XksError INTERNAL if the manager twice failed to decrypt its own output."""
    manager, key, deadline, record = call.manager, call.key, call.deadline, call.record
    plaintext = asked.plaintext
    aad = asked.additional_authenticated_data
    record.plaintext_bytes = len(plaintext)
    record.aad_bytes = len(aad)
    for is_last_attempt in (False, True):
        # 1. The version, because its number is part of what is authenticated.
        version = await manager.active_version(key.manager_key_id, deadline)
        record.key_version = version.number
        metadata = encode_ciphertext_metadata(version.number, copy=key.copy)
        framed_aad = frame_aad(aad, metadata)
        try:
            if asked.ciphertext_data_integrity_value_algorithm is None:
                sealed = await manager.encrypt(version, plaintext, framed_aad, deadline)
                return EncryptResponse(sealed.ciphertext, sealed.iv, sealed.tag, metadata)
            # 2. A key that cannot decrypt cannot prove anything: refused before it encrypts.
            if key.decrypting_version != version.number:
                await _ask_for_decryption(version, call)
            # 3. The integrity value, then the decryption of that same output: computed after it, the value would cover
            #    a bit flipped in between.
            sealed, value = await encrypt_verified(
                manager, version, plaintext, framed_aad, partial(_bind, aad, metadata), deadline
            )
            return EncryptResponse(sealed.ciphertext, sealed.iv, sealed.tag, metadata, value)
        except KeyRotatedError:
            # Between the question for the version and its use. The version is in the AAD, so all begins anew, once.
            if is_last_attempt:
                raise
        except KeyManagerError as error:
            if error.failure is not KeyManagerFailure.CIPHERTEXT_REJECTED:
                raise
    raise XksError(XksErrorName.INTERNAL, "the key manager does not decrypt what it has just encrypted")


def _bind(aad: bytes, metadata: bytes, sealed: Sealed) -> bytes:
    return integrity_value(aad, metadata, sealed.iv, sealed.ciphertext, sealed.tag)


async def _ask_for_decryption(version: KeyVersion, call: KeyCall) -> None:
    description = await call.manager.describe_key(version.key_id, call.deadline)
    if KeyUsage.DECRYPT not in description.usages:
        raise KeyManagerError(KeyManagerFailure.USAGE_NOT_PERMITTED, f"{version.key_id} cannot decrypt")
    # Only a yes is remembered. Should it turn wrong, the verifying decryption still refuses.
    call.key.decrypting_version = version.number
