"""The three operations that use an external key."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TypeAlias

from hyok.proxy.call import KeyCall
from hyok.proxy.operations.decrypt import decrypt
from hyok.proxy.operations.encrypt import encrypt
from hyok.proxy.operations.get_key_metadata import get_key_metadata
from hyok.xks.messages import (
    DecryptRequest,
    DecryptResponse,
    EncryptRequest,
    EncryptResponse,
    GetKeyMetadataRequest,
    GetKeyMetadataResponse,
)

KeyRequest: TypeAlias = EncryptRequest | DecryptRequest | GetKeyMetadataRequest
KeyResponse: TypeAlias = EncryptResponse | DecryptResponse | GetKeyMetadataResponse


def perform_on_key(asked: KeyRequest, call: KeyCall) -> Coroutine[object, None, KeyResponse]:
    """Perform a request on one copy of a key. XksError, KeyManagerError."""
    match asked:
        case EncryptRequest():
            return encrypt(asked, call)
        case DecryptRequest():
            return decrypt(asked, call)
        case GetKeyMetadataRequest():
            return get_key_metadata(call)
