"""How much an account may ask for, by the quotas of AWS KMS. Requests are counted only where that is set.

Each account and Region has its own, and each external key store, whichever accounts use it. A process counts what it
serves itself. Source: AWS KMS Developer Guide, "Quotas": request quotas.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from hyok.awsjson.errors import AwsError
from hyok.kms.call import Call
from hyok.quota import Quota

MANAGEMENT_REQUESTS: Final[Mapping[str, int]] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "CancelKeyDeletion",
                "ConnectCustomKeyStore",
                "CreateAlias",
                "CreateCustomKeyStore",
                "CreateKey",
                "DeleteCustomKeyStore",
                "DescribeCustomKeyStores",
                "DisableKey",
                "DisconnectCustomKeyStore",
                "EnableKey",
                "UpdateCustomKeyStore",
            ),
            5,
        ),
        "TagResource": 10,
        **dict.fromkeys(("DeleteAlias", "PutKeyPolicy", "ScheduleKeyDeletion"), 15),
        **dict.fromkeys(("RetireGrant", "RevokeGrant"), 30),
        "CreateGrant": 50,
        "ListGrants": 100,
        **dict.fromkeys(("ListAliases", "ListKeys"), 500),
        "GetKeyPolicy": 1000,
        **dict.fromkeys(("DescribeKey", "ListResourceTags"), 2000),
    }
)
"""AWS's quotas of requests a second, each operation for itself."""

_CRYPTOGRAPHIC: Final[Mapping[str, int]] = {
    "Decrypt": 1,
    "Encrypt": 1,
    "GenerateDataKey": 1,
    "GenerateDataKeyWithoutPlaintext": 1,
    "GenerateRandom": 1,
    "ReEncrypt": 2,
}
"""Those that share one quota, and how much of it each takes: ReEncrypt is two operations."""
_SHARED: Final = "(cryptographic operations)"
_REMEMBERED_AT_MOST: Final = 10_000


class RequestRates(NamedTuple):
    """How many requests a second there may be; 0, or an operation that is absent, for as many as come."""

    by_operation: Mapping[str, int] = MappingProxyType({})
    """Of one account in one Region."""
    cryptographic: int = 0
    """Of one account in one Region, all cryptographic operations with symmetric keys together."""
    by_store: int = 0
    """With the keys of one external key store, of all accounts together."""


class RequestQuotas:
    """Counts requests. AwsError ThrottlingException for those that are too many."""

    def __init__(self, rates: RequestRates, *, monotonic_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._rates = rates
        self._monotonic_ns = monotonic_ns
        self._quotas: dict[tuple[str, ...], Quota] = {}

    def admit(self, call: Call) -> None:
        """Return if the caller's account may make this call now."""
        operation = call.operation
        rate = self._rates.by_operation.get(operation)
        if rate:
            self._take((call.account, call.region, operation), rate)
        weight = _CRYPTOGRAPHIC.get(operation)
        if weight is not None and self._rates.cryptographic:
            for _ in range(weight):
                self._take((call.account, call.region, _SHARED), self._rates.cryptographic)

    def admit_to_store(self, store_id: str) -> None:
        """Return if the keys of an external key store may be used once more now. Its proxy is not asked otherwise."""
        if self._rates.by_store:
            self._take((store_id,), self._rates.by_store)

    def _take(self, place: tuple[str, ...], rate: int) -> None:
        quota = self._quotas.get(place)
        if quota is None:
            if len(self._quotas) >= _REMEMBERED_AT_MOST:
                self._quotas.clear()
            quota = self._quotas[place] = Quota(rate, monotonic_ns=self._monotonic_ns)
        if not quota.admit():
            raise throttled()


def throttled() -> AwsError:
    """[R] Too many requests; the SDKs try again by themselves."""
    return AwsError(
        "ThrottlingException",
        "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.",
    )
