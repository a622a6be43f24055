"""Any form body asks STS for GetCallerIdentity or is refused with an error that is well-formed XML."""

from __future__ import annotations

from typing import Final
from xml.etree import ElementTree

from hyok.awsjson.sts_query import StsError, encode_sts_error, require_get_caller_identity

SEEDS: Final = (b"Action=GetCallerIdentity&Version=2011-06-15", b"Action=Assume%52ole&Version=%3c%00%ff&a=b+c")


def fuzz_one(data: bytes) -> None:
    """Read one form body."""
    try:
        require_get_caller_identity(data)
    except StsError as error:
        _, body = encode_sts_error(error, request_id="00000000-0000-4000-8000-000000000000")
        ElementTree.fromstring(body)  # noqa: S314  # our own answer
