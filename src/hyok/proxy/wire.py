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


def decode_request(operation: XksOperation, body: bytes) -> XksRequest:
    """Read a request. XksError VALIDATION, UNSUPPORTED_OPERATION or INVALID_CIPHERTEXT."""
    match operation:
        case XksOperation.ENCRYPT:
            return codec.decode_encrypt_request(body)
        case XksOperation.DECRYPT:
            return codec.decode_decrypt_request(body)
        case XksOperation.GET_KEY_METADATA:
            return codec.decode_get_key_metadata_request(body)
        case XksOperation.GET_HEALTH_STATUS:
            return codec.decode_get_health_status_request(body)


encode_response: Final[Callable[[XksResponse], bytes]] = msgspec.json.Encoder().encode
"""Write an answer; its type says how."""
