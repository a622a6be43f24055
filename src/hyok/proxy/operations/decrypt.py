"""Decrypt: under the version that the ciphertext metadata names."""

from __future__ import annotations

from hyok.keymanagers.interface import KeyVersion, Sealed
from hyok.proxy.call import KeyCall
from hyok.proxy.ciphertext_metadata import decode_ciphertext_metadata
from hyok.xks.aad import frame_aad
from hyok.xks.messages import DecryptRequest, DecryptResponse


async def decrypt(asked: DecryptRequest, call: KeyCall) -> DecryptResponse:
    """Decrypt. XksError INVALID_CIPHERTEXT for metadata that is not ours; KeyManagerError."""
    record = call.record
    aad = asked.additional_authenticated_data
    metadata = asked.ciphertext_metadata
    record.plaintext_bytes = len(asked.ciphertext)
    record.aad_bytes = len(aad)
    version = KeyVersion(call.key.manager_key_id, decode_ciphertext_metadata(metadata))
    record.key_version = version.number
    sealed = Sealed(asked.ciphertext, asked.initialization_vector, asked.authentication_tag)
    return DecryptResponse(await call.manager.decrypt(version, sealed, frame_aad(aad, metadata), call.deadline))
