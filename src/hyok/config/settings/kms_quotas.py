"""`[kms.quotas]`: how much an account may have and ask for."""

from __future__ import annotations

from typing import Annotated

import msgspec

from hyok.config.settings.base import About, Settings

OperationName = Annotated[
    str,
    msgspec.Meta(pattern=r"^[A-Z][A-Za-z]{2,63}\Z"),
    About("", '"CreateKey"', "the name of an operation as the API has it, such as CreateKey"),
]
Count = Annotated[int, msgspec.Meta(ge=0, le=100_000_000)]
_COUNT = "a whole number from 0 to 100000000"


class KmsQuotaSettings(Settings, frozen=True, kw_only=True):
    """How much an account may have and ask for. What it may have is AWS's; requests are not counted unless set."""

    custom_key_stores: Annotated[
        Count, About("Custom key stores of an account and Region; 0 for any number.", "10", _COUNT)
    ] = 10
    keys: Annotated[Count, About("KMS keys of an account and Region; 0 for any number.", "100000", _COUNT)] = 100_000
    aliases_per_key: Annotated[Count, About("Aliases of a KMS key; 0 for any number.", "50", _COUNT)] = 50
    grants_per_key: Annotated[Count, About("Grants of a KMS key; 0 for any number.", "50000", _COUNT)] = 50_000
    cryptographic_requests: Annotated[
        Count,
        About(
            "Cryptographic requests a second of an account and Region, all operations together; 5500, 10000 or 50000 "
            "at AWS, by Region. 0: not counted.",
            "10000",
            _COUNT,
        ),
    ] = 0
    custom_key_store_requests: Annotated[
        Count,
        About(
            "Cryptographic requests a second with the keys of one external key store, of all accounts together; 1800 "
            "at AWS. What is beyond never reaches the proxy. 0: not counted.",
            "1800",
            _COUNT,
        ),
    ] = 0
    management_requests: Annotated[
        bool,
        About(
            "Whether the other operations have AWS's rates: 5 a second for CreateKey, 15 for PutKeyPolicy, and so on. "
            "Too few for Terraform and most test suites.",
            "true",
        ),
    ] = False
    requests: Annotated[
        dict[OperationName, Count],
        About(
            "Requests a second of an account and Region for one operation, in place of AWS's rate. 0: not counted.",
            "5",
            _COUNT,
        ),
    ] = {}
