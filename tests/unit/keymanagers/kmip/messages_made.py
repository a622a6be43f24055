"""Messages as a server makes them."""

from __future__ import annotations

from collections.abc import Sequence

from hyok.keymanagers.kmip import ttlv
from hyok.keymanagers.kmip.messages import encode_version
from hyok.keymanagers.kmip.vocabulary import KMIP_1_4, ProtocolVersion, ResultReason, Tag


def header(version: ProtocolVersion = KMIP_1_4, *, count: int = 1) -> bytes:
    return ttlv.structure(Tag.RESPONSE_HEADER, encode_version(version), ttlv.integer(Tag.BATCH_COUNT, count))


def done(operation: int, *payload: bytes, identifier: bytes | None = None) -> bytes:
    return ttlv.structure(
        Tag.BATCH_ITEM,
        ttlv.enumeration(Tag.OPERATION, operation),
        b"" if identifier is None else ttlv.octets(Tag.UNIQUE_BATCH_ITEM_ID, identifier),
        ttlv.enumeration(Tag.RESULT_STATUS, 0),
        ttlv.structure(Tag.RESPONSE_PAYLOAD, *payload),
    )


def refused(operation: int | None, reason: int | None = ResultReason.GENERAL_FAILURE, message: str = "no") -> bytes:
    return ttlv.structure(
        Tag.BATCH_ITEM,
        b"" if operation is None else ttlv.enumeration(Tag.OPERATION, operation),
        ttlv.enumeration(Tag.RESULT_STATUS, 1),
        b"" if reason is None else ttlv.enumeration(Tag.RESULT_REASON, reason),
        ttlv.text(Tag.RESULT_MESSAGE, message),
    )


def response(items: Sequence[bytes], *, count: int | None = None, version: ProtocolVersion = KMIP_1_4) -> bytes:
    announced = len(items) if count is None else count
    return ttlv.structure(Tag.RESPONSE_MESSAGE, header(version, count=announced), *items)
