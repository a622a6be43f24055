"""Invariant: an answer is read within all limits and reads back the same, or refused as MalformedAnswer."""

from __future__ import annotations

from contextlib import suppress

from hyok.xks import codec
from hyok.xks.codec import MalformedAnswer
from hyok.xks.errors import XksError, XksErrorName, encode_error
from hyok.xks.messages import (
    DecryptResponse,
    EkmFleetDetail,
    EkmHealthStatus,
    EncryptResponse,
    GetHealthStatusResponse,
    GetKeyMetadataResponse,
    KeyStatus,
)

SEEDS = (
    codec.encode_encrypt_response(EncryptResponse(b"cipher", b"i" * 12, b"t" * 16, b"meta", b"c" * 32)),
    codec.encode_decrypt_response(DecryptResponse(b"plaintext1")),
    codec.encode_get_key_metadata_response(GetKeyMetadataResponse("AES_256", ("ENCRYPT",), KeyStatus.ENABLED)),
    codec.encode_get_health_status_response(
        GetHealthStatusResponse(1, "v", "m", "v", (EkmFleetDetail("1", "m", EkmHealthStatus.ACTIVE),))
    ),
    encode_error(XksError(XksErrorName.INTERNAL, "why")),
)


def fuzz_one(data: bytes) -> None:
    """Read the data as each of the answers."""
    with suppress(MalformedAnswer):
        encrypt = codec.decode_encrypt_response(data)
        assert codec.decode_encrypt_response(codec.encode_encrypt_response(encrypt)) == encrypt
        assert len(encrypt.initialization_vector) in (12, 16)
        assert len(encrypt.authentication_tag) == 16
        assert len(encrypt.ciphertext_metadata) <= 20
        assert len(encrypt.ciphertext_data_integrity_value) in (0, 32)
    with suppress(MalformedAnswer):
        decrypt = codec.decode_decrypt_response(data)
        assert codec.decode_decrypt_response(codec.encode_decrypt_response(decrypt)) == decrypt
    with suppress(MalformedAnswer):
        key_metadata = codec.decode_get_key_metadata_response(data)
        assert len(key_metadata.key_usage) <= 10
    with suppress(MalformedAnswer):
        health = codec.decode_get_health_status_response(data)
        assert health.xks_proxy_fleet_size > 0
        assert 1 <= len(health.ekm_fleet_details) <= 10
    error = codec.decode_error(500, data)
    assert error is None or len(error.message) < 512
