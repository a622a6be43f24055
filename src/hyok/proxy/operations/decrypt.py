"""Decrypt: under the copy and version of the key that the ciphertext metadata names.

Where the metadata is that of a proxy which hyok has taken the place of, as that proxy built the AAD.
"""

from __future__ import annotations

from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import KeyVersion, Sealed
from hyok.proxy.call import KeyCall
from hyok.proxy.ciphertext_metadata import FIRST_COPY, read_ciphertext_metadata
from hyok.proxy.predecessors import PREDECESSOR_VERSION, AadLayout
from hyok.xks.aad import frame_aad
from hyok.xks.errors import XksError, XksErrorName
from hyok.xks.messages import DecryptRequest, DecryptResponse


async def decrypt(asked: DecryptRequest, call: KeyCall) -> DecryptResponse:
    """Decrypt. XksError INVALID_CIPHERTEXT for metadata that this key store never wrote; KeyManagerError."""
    record = call.record
    aad = asked.additional_authenticated_data
    metadata = asked.ciphertext_metadata
    record.plaintext_bytes = len(asked.ciphertext)
    record.aad_bytes = len(aad)
    sealed_by = read_ciphertext_metadata(metadata)
    if sealed_by is None:
        return await _decrypt_of_predecessor(asked, call, _layouts(call, metadata))
    if sealed_by.copy != call.key.copy:
        raise XksError(XksErrorName.INVALID_CIPHERTEXT, "no copy of this key has sealed this ciphertext")
    version = KeyVersion(call.key.manager_key_id, sealed_by.key_version)
    record.key_version = version.number
    return DecryptResponse(await call.manager.decrypt(version, _sealed(asked), frame_aad(aad, metadata), call.deadline))


def sealing_copy(asked: DecryptRequest) -> int:
    """Return which copy of the external key sealed a ciphertext; the first if the metadata tells of none."""
    sealed_by = read_ciphertext_metadata(asked.ciphertext_metadata)
    return FIRST_COPY if sealed_by is None else sealed_by.copy


async def _decrypt_of_predecessor(
    asked: DecryptRequest, call: KeyCall, layouts: tuple[AadLayout, ...]
) -> DecryptResponse:
    version = KeyVersion(call.key.manager_key_id, PREDECESSOR_VERSION)
    call.record.key_version = version.number
    rejection = KeyManagerError(KeyManagerFailure.CIPHERTEXT_REJECTED)
    for layout in layouts:
        call.record.predecessor = layout.value
        for aad in layout.aads(asked.additional_authenticated_data, asked.ciphertext_metadata):
            try:
                return DecryptResponse(await call.manager.decrypt(version, _sealed(asked), aad, call.deadline))
            except KeyManagerError as error:
                if error.failure is not KeyManagerFailure.CIPHERTEXT_REJECTED:
                    raise
                rejection = error
    raise rejection


def _layouts(call: KeyCall, metadata: bytes) -> tuple[AadLayout, ...]:
    layouts = call.predecessors.get(metadata)
    if layouts is None or call.key.copy != FIRST_COPY:
        raise XksError(
            XksErrorName.INVALID_CIPHERTEXT,
            f"ciphertextMetadata of {len(metadata)} bytes was not written by this proxy",
        )
    return layouts


def _sealed(asked: DecryptRequest) -> Sealed:
    return Sealed(asked.ciphertext, asked.initialization_vector, asked.authentication_tag)
