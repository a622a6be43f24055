"""The least request that each operation takes, from the service model and what its prose demands besides."""

from __future__ import annotations

import re
from typing import Any, Final

from tests.unit.awsjson import oracle
from tests.unit.awsjson.support import published_model

POLICY: Final = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"kms:*","Resource":"*"}]}'
)
NEEDED: Final[dict[str, dict[str, Any]]] = {
    "GenerateDataKey": {"KeySpec": "AES_256"},
    "GenerateDataKeyWithoutPlaintext": {"KeySpec": "AES_256"},
    "GenerateDataKeyPair": {"KeyPairSpec": "ECC_NIST_P256"},
    "GenerateDataKeyPairWithoutPlaintext": {"KeyPairSpec": "ECC_NIST_P256"},
    "GenerateRandom": {"NumberOfBytes": 1},
    "PutKeyPolicy": {"Policy": POLICY},
    "CreateGrant": {"GranteePrincipal": "arn:aws:iam::123456789012:role/app"},
    "RevokeGrant": {"GrantId": "0" * 64},
    "ListRetirableGrants": {"RetiringPrincipal": "arn:aws:iam::123456789012:role/app"},
}
"""What a request must have besides what the model requires, or in place of the model's example."""


def least_request(operation: str, **members: Any) -> dict[str, Any]:
    """Return a request with what an operation needs and these members."""
    shape = oracle.shape_of(oracle.input_of(operation))
    least = {member: oracle.example(shape["members"][member]["shape"]) for member in shape.get("required", [])}
    return {**least, **NEEDED.get(operation, {}), **members}


def prose_of(operation: str) -> str:
    """Return what the service model says of an operation, as plain text."""
    return re.sub("<[^>]+>", "", published_model()["operations"][operation]["documentation"])
