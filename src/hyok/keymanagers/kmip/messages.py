"""Requests and responses: a header and one or more operations (KMIP 2.1, 8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from hyok.errors import HyokError
from hyok.keymanagers.kmip import ttlv
from hyok.keymanagers.kmip.ttlv import Item, ItemType, MalformedMessageError
from hyok.keymanagers.kmip.vocabulary import CONTINUE, SUCCESS, Operation, ProtocolVersion, ResultReason, Tag

_MESSAGE_CHARACTERS: Final = 200


class RequestItem(NamedTuple):
    """One operation that is asked for."""

    operation: Operation
    payload: bytes
    """The encoded items of the Request Payload."""


class RefusedError(HyokError):
    """The server did not do what was asked. `reason` is a ResultReason, or a number that is none."""

    def __init__(self, reason: int, message: str) -> None:
        name = _REASON_NAMES.get(reason, f"reason {reason}")
        super().__init__(f"{name}: {message}" if message else name)
        self.reason = reason


class Response(NamedTuple):
    """What a server answered."""

    version: ProtocolVersion
    time_stamp: int | None
    """The server's clock, in Unix seconds."""
    results: tuple[Item | RefusedError, ...]
    """The Response Payload of each operation, in order, or why there is none. None at all for a payload left out."""


def encode_request(version: ProtocolVersion, items: Sequence[RequestItem]) -> bytes:
    """Encode a request. Several operations are done in order, each whether or not those before it were."""
    is_batch = len(items) > 1
    header = ttlv.structure(
        Tag.REQUEST_HEADER,
        encode_version(version),
        ttlv.enumeration(Tag.BATCH_ERROR_CONTINUATION_OPTION, CONTINUE) if is_batch else b"",
        ttlv.boolean(Tag.BATCH_ORDER_OPTION, value=True) if is_batch else b"",
        ttlv.integer(Tag.BATCH_COUNT, len(items)),
    )
    batch = (
        ttlv.structure(
            Tag.BATCH_ITEM,
            ttlv.enumeration(Tag.OPERATION, item.operation),
            ttlv.octets(Tag.UNIQUE_BATCH_ITEM_ID, number.to_bytes(4)) if is_batch else b"",
            ttlv.structure(Tag.REQUEST_PAYLOAD, item.payload),
        )
        for number, item in enumerate(items)
    )
    return ttlv.structure(Tag.REQUEST_MESSAGE, header, *batch)


def encode_version(version: ProtocolVersion) -> bytes:
    """Encode a Protocol Version."""
    return ttlv.structure(
        Tag.PROTOCOL_VERSION,
        ttlv.integer(Tag.PROTOCOL_VERSION_MAJOR, version.major),
        ttlv.integer(Tag.PROTOCOL_VERSION_MINOR, version.minor),
    )


def decode_version(item: Item) -> ProtocolVersion:
    """Decode a Protocol Version."""
    return ProtocolVersion(
        item.only(Tag.PROTOCOL_VERSION_MAJOR).number(ItemType.INTEGER),
        item.only(Tag.PROTOCOL_VERSION_MINOR).number(ItemType.INTEGER),
    )


def decode_response(message: bytes, asked: Sequence[Operation]) -> Response:
    """Decode the response to a request for these operations.

    MalformedMessageError if it is none, or answers something else. A server that refuses the whole message answers with
    one failure, whatever was asked: RefusedError.
    """
    item = ttlv.decode(message)
    if item.tag != Tag.RESPONSE_MESSAGE:
        raise MalformedMessageError(f"the message is {item.tag:06X} and no response")
    header = item.only(Tag.RESPONSE_HEADER)
    batch = list(item.all(Tag.BATCH_ITEM))
    count = header.only(Tag.BATCH_COUNT).number(ItemType.INTEGER)
    if count != len(batch):
        raise MalformedMessageError(f"the response announces {count} results and has {len(batch)}")
    if len(batch) == 1 and batch[0].find(Tag.OPERATION) is None:
        refusal = _decode_result(batch[0])
        if isinstance(refusal, RefusedError):
            raise refusal
    if len(batch) != len(asked):
        raise MalformedMessageError(f"{len(batch)} results for {len(asked)} operations")
    time_stamp = header.find(Tag.TIME_STAMP)
    return Response(
        decode_version(header.only(Tag.PROTOCOL_VERSION)),
        None if time_stamp is None else time_stamp.number(ItemType.DATE_TIME),
        tuple(_decode_batch_item(*pair, number) for number, pair in enumerate(zip(batch, asked, strict=True))),
    )


def _decode_batch_item(item: Item, asked: Operation, number: int) -> Item | RefusedError:
    operation = item.only(Tag.OPERATION).number(ItemType.ENUMERATION)
    if operation != asked:
        raise MalformedMessageError(f"result {number} is of operation {operation}, not of {asked.name}")
    identifier = item.find(Tag.UNIQUE_BATCH_ITEM_ID)
    # Results in another order would give one key's attributes to another.
    if identifier is not None and identifier.octets() != number.to_bytes(4):
        raise MalformedMessageError(f"result {number} has the identifier of another")
    return _decode_result(item)


def _decode_result(item: Item) -> Item | RefusedError:
    status = item.only(Tag.RESULT_STATUS).number(ItemType.ENUMERATION)
    if status == SUCCESS:
        payload = item.find(Tag.RESPONSE_PAYLOAD)
        return Item(Tag.RESPONSE_PAYLOAD, ItemType.STRUCTURE, ()) if payload is None else payload
    reason = item.find(Tag.RESULT_REASON)
    message = item.find(Tag.RESULT_MESSAGE)
    return RefusedError(
        ResultReason.GENERAL_FAILURE if reason is None else reason.number(ItemType.ENUMERATION),
        "" if message is None else _printable(message.text()),
    )


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text[:_MESSAGE_CHARACTERS])


_REASON_NAMES: Final = {reason.value: reason.name.lower().replace("_", " ") for reason in ResultReason}
