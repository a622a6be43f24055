"""Any body for any operation is decoded, or refused with SerializationException or ValidationException that encode.

The first line names the operation; the rest is the body.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import msgspec

from hyok.awsjson.errors import AwsError
from hyok.awsjson.service import ServiceModel, load_service_model

SEEDS: Final = (
    b'GenerateDataKey\n{"KeyId":"k","EncryptionContext":{"a":"b"},"NumberOfBytes":32,"GrantTokens":["t"],"DryRun":null}',
    b'Encrypt\n{"KeyId":"alias/a","Plaintext":"AAECAw==","EncryptionAlgorithm":"SYMMETRIC_DEFAULT"}',
    b'CreateCustomKeyStore\n{"CustomKeyStoreName":"n","XksProxyAuthenticationCredential":{"AccessKeyId":"ABCDEFGH"}}',
    b'CreateKey\n{"Policy":"{}","Tags":[{"TagKey":"k","TagValue":"v"},{"TagKey":"","TagValue":null}]}',
    b'ImportKeyMaterial\n{"KeyId":"k","ImportToken":"AA==","EncryptedKeyMaterial":"AA==","ValidTo":1893456000.5}',
)


def fuzz_one(data: bytes) -> None:
    """Decode one body."""
    service = _service()
    name, _, body = data.partition(b"\n")
    operations = {operation.encode(): operation for operation in service.operations}
    operation = operations.get(name) or service.operations[len(name) % len(operations)]
    refusal = None
    try:
        decoded = service.decode_input(operation, body)
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
