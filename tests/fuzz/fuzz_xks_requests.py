"""Invariant: a request is read within all limits and reads back the same, or refused by an error of its operation."""

from __future__ import annotations

from hyok.xks import codec
from hyok.xks.errors import XksError, XksErrorName
from hyok.xks.messages import (
    DecryptRequest,
    EncryptRequest,
    GetHealthStatusRequest,
    GetKeyMetadataRequest,
    RequestMetadata,
)
from hyok.xks.operations import XksOperation

METADATA = RequestMetadata(
    kms_operation="Encrypt", kms_request_id="r-1", aws_principal_arn="arn:p", kms_key_arn="arn:k", kms_via_service="ebs"
)
SEEDS = (
    codec.encode_get_key_metadata_request(GetKeyMetadataRequest(METADATA)),
    codec.encode_encrypt_request(EncryptRequest(METADATA, b"plaintext1", "AES_GCM", b"aad1", "SHA_256")),
    codec.encode_decrypt_request(DecryptRequest(METADATA, b"cipher", b"i" * 12, b"t" * 16, "AES_GCM", b"meta", b"aad")),
    codec.encode_get_health_status_request(GetHealthStatusRequest(METADATA)),
    codec.encode_get_key_metadata_request(GetKeyMetadataRequest(METADATA)).replace(b"{", b'{"x":[null,{"y":1e9}],', 2),
)


def fuzz_one(data: bytes) -> None:
    """Read the data as each of the requests."""
    try:
        message = codec.decode_get_key_metadata_request(data)
        assert codec.decode_get_key_metadata_request(codec.encode_get_key_metadata_request(message)) == message
        codec.extra_metadata(data)
    except XksError as error:
        check_refusal(error, XksOperation.GET_KEY_METADATA)
    try:
        encrypt = codec.decode_encrypt_request(data)
        assert codec.decode_encrypt_request(codec.encode_encrypt_request(encrypt)) == encrypt
        assert len(encrypt.plaintext) <= 8192 >= len(encrypt.additional_authenticated_data)
    except XksError as error:
        check_refusal(error, XksOperation.ENCRYPT)
    try:
        decrypt = codec.decode_decrypt_request(data)
        assert codec.decode_decrypt_request(codec.encode_decrypt_request(decrypt)) == decrypt
        assert len(decrypt.initialization_vector) in (12, 16)
        assert len(decrypt.authentication_tag) == 16
        assert len(decrypt.ciphertext_metadata) <= 20
    except XksError as error:
        check_refusal(error, XksOperation.DECRYPT)
    try:
        codec.decode_get_health_status_request(data)
        codec.extra_metadata(data)
    except XksError as error:
        check_refusal(error, XksOperation.GET_HEALTH_STATUS)


def check_refusal(error: XksError, operation: XksOperation) -> None:
    """Hold a refusal against what the operation may answer."""
    allowed = {XksErrorName.VALIDATION, XksErrorName.UNSUPPORTED_OPERATION, XksErrorName.INVALID_CIPHERTEXT}
    assert error.name in allowed
    assert operation in error.name.operations
    assert error.message
