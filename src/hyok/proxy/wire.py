"""Which messages belong to which operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import msgspec

from hyok.xks import codec
from hyok.xks.messages import (
    DecryptRequest,
    DecryptResponse,
    EncryptRequest,
    EncryptResponse,
    GetHealthStatusRequest,
    GetHealthStatusResponse,
    GetKeyMetadataRequest,
    GetKeyMetadataResponse,
)
from hyok.xks.operations import XksOperation

XksRequest: TypeAlias = EncryptRequest | DecryptRequest | GetKeyMetadataRequest | GetHealthStatusRequest
XksResponse: TypeAlias = EncryptResponse | DecryptResponse | GetKeyMetadataResponse | GetHealthStatusResponse


def request_decoder(operation: XksOperation) -> Callable[[bytes], XksRequest]:
    """Return what reads its requests; XksError VALIDATION, UNSUPPORTED_OPERATION or INVALID_CIPHERTEXT come of it."""
    match operation:
        case XksOperation.ENCRYPT:
            return codec.decode_encrypt_request
        case XksOperation.DECRYPT:
            return codec.decode_decrypt_request
        case XksOperation.GET_KEY_METADATA:
            return codec.decode_get_key_metadata_request
        case XksOperation.GET_HEALTH_STATUS:
            return codec.decode_get_health_status_request


encode_response: Final[Callable[[XksResponse], bytes]] = msgspec.json.Encoder().encode
"""Write an answer; its type says how."""
