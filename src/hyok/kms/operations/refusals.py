"""The operations that no KMS key of hyok can do: each found, authorized and refused for the reason AWS gives.

All keys are symmetric, for encryption, in one Region, and without imported material.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from hyok.awsjson.errors import AwsError
from hyok.kms import errors
from hyok.kms.call import Call
from hyok.kms.key_access import KeyAccess
from hyok.kms.operation import Input, Operation, Output
from hyok.kms.values import KmsKey

_Refusal = Callable[[KmsKey], AwsError]

_USAGES: Final = (
    "Sign",
    "Verify",
    "GenerateMac",
    "VerifyMac",
    "DeriveSharedSecret",
    "Encapsulate",
    "Decapsulate",
)
_REFUSED_BY_ANY_NAME: Final[Mapping[str, _Refusal]] = {
    **{operation: partial(errors.wrong_usage, operation=operation) for operation in _USAGES},
    "GetPublicKey": partial(errors.wrong_spec, operation="GetPublicKey"),
}
"""Operations that take an alias, too."""
_REFUSED_BY_ID: Final[Mapping[str, _Refusal]] = {
    "GetParametersForImport": errors.wrong_origin,
    "ImportKeyMaterial": errors.wrong_origin,
    "DeleteImportedKeyMaterial": errors.wrong_origin,
    "ReplicateKey": errors.not_multi_region,
    "UpdatePrimaryRegion": errors.not_multi_region,
}


class RefusedOperations:
    """The operations that end in a refusal for every key there is."""

    def __init__(self, *, access: KeyAccess) -> None:
        self._access = access

    def operations(self) -> Mapping[str, Operation]:
        """Return the operations by their AWS names."""
        return {
            **dict.fromkeys(_REFUSED_BY_ANY_NAME, self._refuse_by_any_name),
            **dict.fromkeys(_REFUSED_BY_ID, self._refuse_by_id),
        }

    async def _refuse_by_any_name(self, call: Call, request: Input) -> Output:
        raise _REFUSED_BY_ANY_NAME[call.operation](self._access.find(call, request))

    async def _refuse_by_id(self, call: Call, request: Input) -> Output:
        raise _REFUSED_BY_ID[call.operation](self._access.find_by_id(call, request))
