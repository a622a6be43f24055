"""Any body for any operation is decoded, or refused with SerializationException or ValidationException that encode.

The first byte picks the operation; the rest is the body.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import msgspec

from hyok.awsjson.errors import AwsError
from hyok.awsjson.service import ServiceModel, load_service_model

SEEDS: Final = (
    b'\x13{"KeyId":"alias/a","EncryptionContext":{"a":"b"},"NumberOfBytes":32,"GrantTokens":["t"],"DryRun":null}',
    b'\x12{"KeyId":"alias/a","Plaintext":"AAECAw==","EncryptionAlgorithm":"SYMMETRIC_DEFAULT"}',
    b'\x03{"CustomKeyStoreName":"n","XksProxyAuthenticationCredential":{"AccessKeyId":"ABCDEFGHIJKLMNOP2345"}}',
    b'\x05{"Policy":"{}","Tags":[{"TagKey":"k","TagValue":"v"},{"TagKey":"","TagValue":null}],"MultiRegion":false}',
    b'\x1d{"KeyId":"k","ImportToken":"AA==","EncryptedKeyMaterial":"AA==","ValidTo":1893456000.5}',
)


def fuzz_one(data: bytes) -> None:
    """Decode one body."""
    service = _service()
    operation = service.operations[(data[0] if data else 0) % len(service.operations)]
    refusal = None
    try:
        decoded = service.decode_input(operation, data[1:])
    except AwsError as error:
        refusal = error
    if refusal is None:
        assert service.decode_input(operation, msgspec.json.encode(decoded)) == decoded
    else:
        assert refusal.code in {"SerializationException", "ValidationException"}
        assert service.encode_error(refusal)[0] == 400


@cache
def _service() -> ServiceModel:
    return load_service_model()
