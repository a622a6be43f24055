"""Requests and responses as a whole."""

from __future__ import annotations

import pytest

from hyok.keymanagers.kmip import ttlv
from hyok.keymanagers.kmip.messages import RefusedError, RequestItem, decode_response, encode_request
from hyok.keymanagers.kmip.ttlv import Item, ItemType, MalformedMessageError
from hyok.keymanagers.kmip.vocabulary import KMIP_1_4, KMIP_2_1, Operation, ProtocolVersion, ResultReason, Tag
from tests.unit.keymanagers.kmip.messages_made import done, header, refused, response

LOCATE, GET = Operation.LOCATE, Operation.GET_ATTRIBUTES


def test_a_batch_is_numbered_and_goes_on_after_a_failure() -> None:
    items = [RequestItem(LOCATE, b""), RequestItem(GET, ttlv.text(Tag.UNIQUE_IDENTIFIER, "x"))]
    message = ttlv.decode(encode_request(KMIP_2_1, items))
    head = message.only(Tag.REQUEST_HEADER)
    assert head.only(Tag.BATCH_COUNT).number(ItemType.INTEGER) == 2
    assert head.only(Tag.BATCH_ERROR_CONTINUATION_OPTION).number(ItemType.ENUMERATION) == 1
    assert head.only(Tag.BATCH_ORDER_OPTION).number(ItemType.BOOLEAN) == 1
    identifiers = [item.only(Tag.UNIQUE_BATCH_ITEM_ID).octets() for item in message.all(Tag.BATCH_ITEM)]
    assert identifiers == [b"\0\0\0\0", b"\0\0\0\1"]


def test_results_come_with_what_they_are_or_why_they_are_not() -> None:
    answered = decode_response(response([done(LOCATE), refused(GET, 1, "gone")]), [LOCATE, GET])
    there, missing = answered.results
    assert there == Item(Tag.RESPONSE_PAYLOAD, ItemType.STRUCTURE, ())
    assert isinstance(missing, RefusedError)
    assert (missing.reason, str(missing)) == (ResultReason.ITEM_NOT_FOUND, "item not found: gone")


def test_a_result_without_payload_is_an_empty_one() -> None:
    item = ttlv.structure(
        Tag.BATCH_ITEM, ttlv.enumeration(Tag.OPERATION, LOCATE), ttlv.enumeration(Tag.RESULT_STATUS, 0)
    )
    (result,) = decode_response(response([item]), [LOCATE]).results
    assert isinstance(result, Item)
    assert list(result.all(Tag.UNIQUE_IDENTIFIER)) == []


def test_a_failure_without_a_reason_is_a_general_one() -> None:
    (result,) = decode_response(response([refused(LOCATE, None)]), [LOCATE]).results
    assert isinstance(result, RefusedError)
    assert result.reason == ResultReason.GENERAL_FAILURE


def test_a_refusal_of_the_whole_message_is_raised_whatever_was_asked_and_in_whatever_version() -> None:
    message = response([refused(None, ResultReason.INVALID_MESSAGE, "what?")], version=ProtocolVersion(1, 0))
    with pytest.raises(RefusedError, match="invalid message: what"):
        decode_response(message, [GET, GET, GET])


def test_a_servers_words_are_shown_cut_and_printable() -> None:
    (result,) = decode_response(response([refused(LOCATE, 999, "a\nb\x1b[2J" + "x" * 1000)]), [LOCATE]).results
    assert str(result).startswith("reason 999: a b [2Jxxx")
    assert str(result).isprintable()
    assert len(str(result)) < 250


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (ttlv.structure(Tag.REQUEST_MESSAGE, header(), done(LOCATE)), "no response"),
        (response([done(LOCATE)], count=2), "announces 2 results and has 1"),
        (response([done(LOCATE), done(LOCATE)]), "2 results for 1 operations"),
        (response([]), "0 results for 1"),
        (response([done(GET)]), "of operation 11, not of LOCATE"),
        (response([done(LOCATE, identifier=b"\0\0\0\1")]), "identifier of another"),
        (response([ttlv.structure(Tag.BATCH_ITEM, ttlv.enumeration(Tag.RESULT_STATUS, 0))]), "42005C is missing"),
        (ttlv.structure(Tag.RESPONSE_MESSAGE, done(LOCATE)), "42007A is missing"),
        (ttlv.structure(Tag.RESPONSE_MESSAGE, header(), header(), done(LOCATE)), "2 times"),
    ],
)
def test_a_response_to_something_else_is_refused(message: bytes, why: str) -> None:
    with pytest.raises(MalformedMessageError, match=why):
        decode_response(message, [LOCATE])


def test_results_in_another_order_are_refused() -> None:
    swapped = [done(GET, identifier=b"\0\0\0\1"), done(GET, identifier=b"\0\0\0\0")]
    with pytest.raises(MalformedMessageError, match="identifier of another"):
        decode_response(response(swapped), [GET, GET])


def test_the_version_is_the_responses_own() -> None:
    assert decode_response(response([done(LOCATE)], version=KMIP_2_1), [LOCATE]).version == KMIP_2_1
    assert decode_response(response([done(LOCATE)]), [LOCATE]).version == KMIP_1_4
