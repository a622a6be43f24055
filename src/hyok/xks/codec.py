"""Bytes to messages and back, for both ends of the XKS proxy API.

A proxy reads requests: what is malformed or missing is ValidationException; what is larger than it supports is
UnsupportedOperationException; an IV, a tag or ciphertext metadata of a size that no Encrypt ever answered is a
corrupted ciphertext, so InvalidCiphertextException (XKS API, Errors). A client reads answers: whatever breaks the
specification is a MalformedAnswer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
from msgspec import Struct

from hyok.errors import HyokError
from hyok.xks.decoding import MessageReader
from hyok.xks.errors import XksError, XksErrorName
from hyok.xks.limits import (
    INTEGRITY_VALUE_BYTES,
    IV_BYTES,
    MAX_AAD_BYTES,
    MAX_CIPHERTEXT_METADATA_BYTES,
    MAX_PLAINTEXT_BYTES,
    TAG_BYTES,
)
from hyok.xks.messages import (
    DecryptRequest,
    DecryptResponse,
    EncryptRequest,
    EncryptResponse,
    GetHealthStatusRequest,
    GetHealthStatusResponse,
    GetKeyMetadataRequest,
    GetKeyMetadataResponse,
    RequestMetadata,
)


class MalformedAnswer(HyokError):  # noqa: N818  # named for what came, as XksRefused and XksUnreachable are
    """An answer of a proxy that breaks the specification. Its text names the field and holds no value."""


# Requests, as a proxy reads them.


def decode_get_key_metadata_request(body: bytes) -> GetKeyMetadataRequest:
    """Read the body of GetKeyMetadata. XksError VALIDATION."""
    request = _GET_KEY_METADATA_REQUESTS.read(body)
    if not request.request_metadata.aws_principal_arn:
        raise _missing("requestMetadata.awsPrincipalArn")
    return request


def decode_encrypt_request(body: bytes) -> EncryptRequest:
    """Read the body of Encrypt. XksError VALIDATION, or UNSUPPORTED_OPERATION for one that is too large."""
    request = _ENCRYPT_REQUESTS.read(body)
    _check_key_use(request.request_metadata)
    if len(request.plaintext) > MAX_PLAINTEXT_BYTES:
        raise _too_large("plaintext", len(request.plaintext), MAX_PLAINTEXT_BYTES)
    if len(request.additional_authenticated_data) > MAX_AAD_BYTES:
        raise _too_large("additionalAuthenticatedData", len(request.additional_authenticated_data), MAX_AAD_BYTES)
    return request


def decode_decrypt_request(body: bytes) -> DecryptRequest:
    """Read the body of Decrypt. XksError VALIDATION, UNSUPPORTED_OPERATION or INVALID_CIPHERTEXT."""
    request = _DECRYPT_REQUESTS.read(body)
    _check_key_use(request.request_metadata)
    if len(request.ciphertext) > MAX_PLAINTEXT_BYTES:
        raise _too_large("ciphertext", len(request.ciphertext), MAX_PLAINTEXT_BYTES)
    if len(request.additional_authenticated_data) > MAX_AAD_BYTES:
        raise _too_large("additionalAuthenticatedData", len(request.additional_authenticated_data), MAX_AAD_BYTES)
    fault = _find_size_fault(request.initialization_vector, request.authentication_tag, request.ciphertext_metadata)
    if fault:
        raise XksError(XksErrorName.INVALID_CIPHERTEXT, fault)
    return request


def decode_get_health_status_request(body: bytes) -> GetHealthStatusRequest:
    """Read the body of GetHealthStatus. XksError VALIDATION."""
    return _GET_HEALTH_STATUS_REQUESTS.read(body)


def raw_metadata(body: bytes) -> msgspec.Raw:
    """Return requestMetadata as it was sent. `body` is one that was decoded as a request before."""
    return _MEMBERS.decode(body)["requestMetadata"].copy()


def extra_metadata(body: bytes) -> dict[str, object]:
    """Return the members of requestMetadata that the specification does not name, for policy and audit.

    `body` is one that was decoded as a request before. What Python cannot hold (a number beyond doubles, deep nesting)
    is given as its JSON text.
    """
    members = _MEMBERS.decode(_MEMBERS.decode(body)["requestMetadata"])
    return {name: _read_value(raw) for name, raw in members.items() if name not in _NAMED_METADATA}


# Answers, as a client reads them.


def decode_get_key_metadata_response(body: bytes) -> GetKeyMetadataResponse:
    """Read the answer to GetKeyMetadata. MalformedAnswer."""
    return _GET_KEY_METADATA_RESPONSES.read(body)


def decode_encrypt_response(body: bytes) -> EncryptResponse:
    """Read the answer to Encrypt. MalformedAnswer.

    Whether the ciphertext is as long as the plaintext and the integrity value is right, only who asked can tell.
    """
    response = _ENCRYPT_RESPONSES.read(body)
    fault = _find_size_fault(response.initialization_vector, response.authentication_tag, response.ciphertext_metadata)
    if fault:
        raise MalformedAnswer(fault)
    integrity_value = response.ciphertext_data_integrity_value
    if integrity_value and len(integrity_value) != INTEGRITY_VALUE_BYTES:
        raise MalformedAnswer(
            f"ciphertextDataIntegrityValue has {len(integrity_value)} bytes instead of {INTEGRITY_VALUE_BYTES}"
        )
    return response


def decode_decrypt_response(body: bytes) -> DecryptResponse:
    """Read the answer to Decrypt. MalformedAnswer."""
    return _DECRYPT_RESPONSES.read(body)


def decode_get_health_status_response(body: bytes) -> GetHealthStatusResponse:
    """Read the answer to GetHealthStatus. MalformedAnswer."""
    return _GET_HEALTH_STATUS_RESPONSES.read(body)


def decode_error(status: int, body: bytes) -> XksError | None:
    """Read an answer with an error's status, 400 or more. None if it is none of the twelve errors.

    The name alone says which; whoever cares compares `status` with that of the name.
    """
    try:
        answer = _ERRORS.read(body)
    except MalformedAnswer:
        return None
    name = _ERROR_NAMES.get(answer.error_name)
    return XksError(name, answer.error_message) if name and status >= _LEAST_ERROR_STATUS else None


# Writing: one encoder for all; the types say what goes where.

_encode: Final = msgspec.json.Encoder().encode
encode_get_key_metadata_request: Final[Callable[[GetKeyMetadataRequest], bytes]] = _encode
encode_get_key_metadata_response: Final[Callable[[GetKeyMetadataResponse], bytes]] = _encode
encode_encrypt_request: Final[Callable[[EncryptRequest], bytes]] = _encode
encode_encrypt_response: Final[Callable[[EncryptResponse], bytes]] = _encode
encode_decrypt_request: Final[Callable[[DecryptRequest], bytes]] = _encode
encode_decrypt_response: Final[Callable[[DecryptResponse], bytes]] = _encode
encode_get_health_status_request: Final[Callable[[GetHealthStatusRequest], bytes]] = _encode
encode_get_health_status_response: Final[Callable[[GetHealthStatusResponse], bytes]] = _encode


class _Error(Struct, rename="camel", frozen=True):
    error_name: str
    error_message: str = ""


def _invalid(fault: str) -> XksError:
    return XksError(XksErrorName.VALIDATION, fault)


_GET_KEY_METADATA_REQUESTS: Final = MessageReader(GetKeyMetadataRequest, _invalid)
_ENCRYPT_REQUESTS: Final = MessageReader(EncryptRequest, _invalid)
_DECRYPT_REQUESTS: Final = MessageReader(DecryptRequest, _invalid)
_GET_HEALTH_STATUS_REQUESTS: Final = MessageReader(GetHealthStatusRequest, _invalid)
_GET_KEY_METADATA_RESPONSES: Final = MessageReader(GetKeyMetadataResponse, MalformedAnswer)
_ENCRYPT_RESPONSES: Final = MessageReader(EncryptResponse, MalformedAnswer)
_DECRYPT_RESPONSES: Final = MessageReader(DecryptResponse, MalformedAnswer)
_GET_HEALTH_STATUS_RESPONSES: Final = MessageReader(GetHealthStatusResponse, MalformedAnswer)
_ERRORS: Final = MessageReader(_Error, MalformedAnswer)
_LEAST_ERROR_STATUS: Final = 400
_ERROR_NAMES: Final = {name.value: name for name in XksErrorName}
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NAMED_METADATA: Final = frozenset(field.encode_name for field in msgspec.structs.fields(RequestMetadata))


def _check_key_use(metadata: RequestMetadata) -> None:
    if not metadata.aws_principal_arn:
        raise _missing("requestMetadata.awsPrincipalArn")
    if not metadata.kms_key_arn:
        raise _missing("requestMetadata.kmsKeyArn")


def _missing(field: str) -> XksError:
    return _invalid(f"{field} is missing")


def _too_large(field: str, length: int, limit: int) -> XksError:
    return XksError(
        XksErrorName.UNSUPPORTED_OPERATION, f"{field} has {length} bytes, this proxy supports at most {limit}"
    )


def _find_size_fault(iv: bytes, tag: bytes, metadata: bytes) -> str:
    """Return what is wrong with the sizes of a ciphertext's parts; empty if nothing is."""
    if len(iv) not in IV_BYTES:
        return f"initializationVector has {len(iv)} bytes instead of 12 or 16"
    if len(tag) != TAG_BYTES:
        return f"authenticationTag has {len(tag)} bytes instead of {TAG_BYTES}"
    if len(metadata) > MAX_CIPHERTEXT_METADATA_BYTES:
        return f"ciphertextMetadata has {len(metadata)} bytes, at most {MAX_CIPHERTEXT_METADATA_BYTES} are allowed"
    return ""


def _read_value(raw: msgspec.Raw) -> object:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.ValidationError, RecursionError):
        return bytes(raw).decode()
