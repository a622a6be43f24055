"""Reading a key object from its attributes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from hyok.keymanagers.kmip import ttlv
from hyok.keymanagers.kmip.attributes import Attribute, ReceivedAttribute, application_information, name
from hyok.keymanagers.kmip.objects import KeyObject, Mark, read_object
from hyok.keymanagers.kmip.ttlv import MalformedMessageError
from hyok.keymanagers.kmip.vocabulary import AttributeKind, Tag
from tests.unit.keymanagers.kmip.key_objects import key_object

STATE = Attribute(AttributeKind.STATE, ttlv.enumeration(Tag.STATE, 2))
DATE = Attribute(AttributeKind.INITIAL_DATE, bytes.fromhex("420039090000000800000000") + (1_600_000_000).to_bytes(4))


def read(*attributes: Attribute) -> KeyObject:
    received: Sequence[ReceivedAttribute] = [
        ReceivedAttribute(each.kind, ttlv.decode(each.value), each.position or 0) for each in attributes
    ]
    return read_object("a", received)


def test_what_a_server_leaves_out_is_not_known() -> None:
    expected = key_object("a", algorithm=None, length_bits=None, usage_mask=0, names=())
    assert read(STATE, DATE) == expected
    assert not expected.is_aes_256
    assert expected.key_spec == "algorithm None_None"


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        ((DATE,), "0 values of State"),
        ((STATE,), "0 values of Initial Date"),
        ((STATE, STATE, DATE), "2 values of State"),
        ((Attribute(AttributeKind.STATE, ttlv.enumeration(Tag.STATE, 9)), DATE), "unknown state 9"),
        ((Attribute(AttributeKind.STATE, ttlv.integer(Tag.STATE, 2)), DATE), "type INTEGER"),
    ],
)
def test_an_object_has_one_state_and_one_date(attributes: tuple[Attribute, ...], why: str) -> None:
    with pytest.raises(MalformedMessageError, match=why):
        read(*attributes)


def test_an_object_may_have_several_names() -> None:
    assert read(STATE, DATE, name("one"), name("two")).names == ("one", "two")


def test_a_mark_says_what_was_written() -> None:
    mark = Mark(is_enabled=False, version=7, object_id="a;b=c")
    found = read(STATE, DATE, application_information("hyok", str(mark), position=3))
    assert found.mark == mark
    assert found.mark_place == (str(mark), 3)


@pytest.mark.parametrize(
    "text",
    ["draft", "", "state=on;version=1;object=a", "state=enabled;version=0;object=a", "state=enabled;version=1;object="],
)
def test_what_is_no_mark_is_none(text: str) -> None:
    found = read(STATE, DATE, application_information("hyok", text))
    assert found.mark is None
    assert found.mark_place == (text, 0)


def test_the_information_of_other_applications_is_theirs() -> None:
    found = read(STATE, DATE, application_information("another", str(Mark(is_enabled=False, version=1, object_id="a"))))
    assert (found.mark, found.mark_place) == (None, None)


def test_of_a_copied_mark_and_the_objects_own_the_own_counts() -> None:
    copied = application_information("hyok", str(Mark(is_enabled=True, version=1, object_id="z")), position=0)
    own = application_information("hyok", str(Mark(is_enabled=True, version=2, object_id="a")), position=1)
    assert read(STATE, DATE, copied, own).mark == Mark(is_enabled=True, version=2, object_id="a")
    assert read(STATE, DATE, copied).mark == Mark(is_enabled=True, version=1, object_id="z")
