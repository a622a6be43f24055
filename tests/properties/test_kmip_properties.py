"""KMIP: what is written is read again, however it is cut; and version numbers never change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from hyok.clock import NO_DEADLINE
from hyok.keymanagers.errors import KeyManagerError
from hyok.keymanagers.kmip import ttlv
from hyok.keymanagers.kmip.connection import KmipConnection
from hyok.keymanagers.kmip.objects import KeyObject
from hyok.keymanagers.kmip.ttlv import Item, ItemType, MalformedMessageError, decode
from hyok.keymanagers.kmip.versions import FIRST_DATE, MAX_NUMBER, make_key
from hyok.keymanagers.kmip.vocabulary import State
from tests.unit.keymanagers.kmip.key_objects import key_object, marked
from tests.unit.transport.doubles import RecordingTransport, deliver

T = TypeVar("T")
tags = st.integers(0x420001, 0x420200)


def leaf(kind: ItemType, write: Callable[[int, T], bytes]) -> Callable[[int, T], tuple[Item, bytes]]:
    """Return what makes an item of a tag and a value, and its written form."""
    return lambda tag, value: (Item(tag, kind, value), write(tag, value))  # type: ignore[arg-type]  # one of the values


def write_boolean(tag: int, value: int) -> bytes:
    return ttlv.boolean(tag, value=bool(value))


leaves = st.one_of(
    st.builds(leaf(ItemType.INTEGER, ttlv.integer), tags, st.integers(-(2**31), 2**31 - 1)),
    st.builds(leaf(ItemType.ENUMERATION, ttlv.enumeration), tags, st.integers(0, 2**32 - 1)),
    st.builds(leaf(ItemType.BOOLEAN, write_boolean), tags, st.integers(0, 1)),
    st.builds(leaf(ItemType.TEXT_STRING, ttlv.text), tags, st.text(max_size=20)),
    st.builds(leaf(ItemType.BYTE_STRING, ttlv.octets), tags, st.binary(max_size=40)),
)


def structure(tag: int, parts: list[tuple[Item, bytes]]) -> tuple[Item, bytes]:
    items, written = tuple(item for item, _ in parts), [encoded for _, encoded in parts]
    return Item(tag, ItemType.STRUCTURE, items), ttlv.structure(tag, *written)


trees = st.recursive(leaves, lambda below: st.builds(structure, tags, st.lists(below, max_size=4)), max_leaves=12)


@given(trees)
def test_what_is_written_is_read_again(tree: tuple[Item, bytes]) -> None:
    item, written = tree
    assert decode(written) == item
    assert len(written) % 8 == 0


@given(trees, st.data())
def test_a_message_with_a_byte_less_or_more_is_none(tree: tuple[Item, bytes], data: st.DataObject) -> None:
    _, written = tree
    at = data.draw(st.integers(0, len(written) - 1))
    for altered in (written[:at], written + written[: at + 1]):
        try:
            decode(altered)
        except MalformedMessageError:
            continue
        raise AssertionError("an altered message was read")


class _Owner:
    def welcome(self, connection: KmipConnection) -> None: ...

    def take_back(self, connection: KmipConnection) -> None: ...

    def forget(self, connection: KmipConnection) -> None: ...


@given(trees, st.data())
def test_an_answer_is_whole_however_it_is_cut(tree: tuple[Item, bytes], data: st.DataObject) -> None:
    written = ttlv.structure(0x42007B, tree[1])
    cuts = sorted(data.draw(st.sets(st.integers(1, len(written) - 1), max_size=6)))
    pieces = [written[start:end] for start, end in zip([0, *cuts], [*cuts, len(written)], strict=True)]

    async def receive() -> bytes:
        connection = KmipConnection(_Owner(), loop=asyncio.get_running_loop(), answer_bytes=100_000)
        connection.connection_made(RecordingTransport(connection))
        waiting = asyncio.create_task(connection.exchange(b"request", NO_DEADLINE))
        await asyncio.sleep(0)
        for piece in pieces:
            deliver(connection, piece)
        return await waiting

    assert asyncio.run(receive()) == written


states = st.sampled_from(State)
dates = st.integers(FIRST_DATE, MAX_NUMBER)


@st.composite
def objects_of_a_key(draw: st.DrawFn) -> list[KeyObject]:
    """Objects as hyok, other tools and Re-key leave them; each has an identifier and a date of its own."""
    found = []
    for place, date in enumerate(draw(st.lists(dates, unique=True, max_size=8))):
        object_id = f"object-{place}"
        state = draw(states)
        match draw(st.sampled_from(("other", "hyok", "copied"))):
            case "other":
                found.append(key_object(object_id, state=state, initial_date=date))
            case "hyok":
                found.append(marked(object_id, place + 1, state=state, initial_date=date))
            case _:
                written_on = f"object-{draw(st.integers(0, 8))}x"
                found.append(marked(object_id, place, written_on=written_on, state=state, initial_date=date))
    return found


@given(objects_of_a_key(), st.data())
def test_no_number_changes_whatever_else_goes_away_comes_or_changes_its_state(
    objects: list[KeyObject], data: st.DataObject
) -> None:
    before = make_key("key", objects)
    kept = [each for each in objects if data.draw(st.booleans())]
    changed = [each._replace(state=data.draw(states)) for each in data.draw(st.permutations(kept))]
    after = make_key("key", changed)
    number_of = {each.id: number for number, each in before.versions.items()}
    for number, each in after.versions.items():
        assert number_of.get(each.id, number) == number
        assert 1 <= number <= MAX_NUMBER


@given(objects_of_a_key(), dates)
def test_an_object_made_later_is_the_newest(objects: list[KeyObject], date: int) -> None:
    key = make_key("key", objects)
    new = key_object("new", initial_date=date)
    if date > key.newest_number:
        assert make_key("key", [*objects, new]).newest == new


@given(st.lists(dates, min_size=2, max_size=6))
def test_objects_that_cannot_be_told_apart_are_refused_never_guessed(made: list[int]) -> None:
    objects = [key_object(f"object-{place}", initial_date=date) for place, date in enumerate(made)]
    try:
        key = make_key("key", objects)
    except KeyManagerError:
        assert len(set(made)) < len(made)
    else:
        assert {number: each.initial_date for number, each in key.versions.items()} == {date: date for date in made}
