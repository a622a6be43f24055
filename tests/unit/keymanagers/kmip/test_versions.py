"""How objects become versions."""

from __future__ import annotations

import pytest

from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import KeyUsage
from hyok.keymanagers.kmip.versions import make_key, mask_of, may_have_been, number_of, usages_of
from hyok.keymanagers.kmip.vocabulary import State
from tests.unit.keymanagers.kmip.key_objects import LONG_AGO, key_object, marked


def test_an_object_of_another_tool_is_numbered_by_its_date() -> None:
    assert number_of(key_object()) == LONG_AGO


def test_an_object_of_hyok_is_numbered_by_its_mark() -> None:
    assert number_of(marked("a", 3)) == 3


def test_a_mark_that_rekey_copied_does_not_number_the_replacement() -> None:
    assert number_of(marked("b", 3, written_on="a", initial_date=LONG_AGO + 9)) == LONG_AGO + 9


@pytest.mark.parametrize("date", [0, -1, 999_999_999, 2**32])
def test_a_date_that_could_be_a_mark_makes_no_version(date: int) -> None:
    with pytest.raises(KeyManagerError, match="makes no version"):
        number_of(key_object(initial_date=date))


def test_a_mark_beyond_what_metadata_can_hold_counts_for_nothing() -> None:
    assert number_of(marked("a", 2**32)) == LONG_AGO


def test_the_highest_number_encrypts_and_drafts_are_set_aside() -> None:
    draft = key_object("d", state=State.PRE_ACTIVE, initial_date=LONG_AGO + 5)
    older, newer = key_object("a"), key_object("b", initial_date=LONG_AGO + 1)
    key = make_key("key", [newer, draft, older])
    assert key.versions == {LONG_AGO: older, LONG_AGO + 1: newer}
    assert (key.newest, key.drafts, key.is_enabled) == (newer, (draft,), True)


def test_a_replacement_of_a_key_of_hyok_is_newer_than_what_it_replaced() -> None:
    key = make_key("key", [marked("a", 1), marked("b", 1, written_on="a")])
    assert sorted(key.versions) == [1, LONG_AGO]


def test_a_version_that_is_gone_is_told_from_one_that_never_was() -> None:
    key = make_key("key", [key_object("a"), key_object("b", initial_date=LONG_AGO + 9)])
    assert [number for number in (1, 2, LONG_AGO - 1, LONG_AGO + 1) if may_have_been(key, number)] == [
        1,
        LONG_AGO - 1,
        LONG_AGO + 1,
    ]
    assert not any(may_have_been(key, number) for number in (0, 3, 999_999_999, LONG_AGO + 10, 2**32 - 1))
    assert not may_have_been(make_key("key", [marked("a", 1)]), 1001)


def test_two_objects_of_one_number_are_told_of_and_refused() -> None:
    with pytest.raises(KeyManagerError, match="objects a and b of key key would both be version") as raised:
        make_key("key", [key_object("a"), key_object("b")])
    assert raised.value.failure is KeyManagerFailure.UNAVAILABLE


@pytest.mark.parametrize("state", [State.DEACTIVATED, State.COMPROMISED, State.DESTROYED, State.DESTROYED_COMPROMISED])
def test_a_key_whose_newest_version_was_withdrawn_is_not_enabled_whatever_the_older_are(state: State) -> None:
    key = make_key("key", [marked("a", 1), marked("b", 2, state=state)])
    assert not key.is_enabled
    assert not key.is_disabled


def test_one_disabled_mark_on_any_version_disables_the_key_a_copied_one_too() -> None:
    for disabled in (marked("a", 1, is_enabled=False), marked("a", 7, is_enabled=False, written_on="z")):
        assert make_key("key", [disabled, marked("b", 2)]).is_disabled
    draft = marked("d", 3, is_enabled=False, state=State.PRE_ACTIVE)
    assert not make_key("key", [draft, marked("b", 2)]).is_disabled


@pytest.mark.parametrize("usages", [set(), {KeyUsage.ENCRYPT}, {KeyUsage.DECRYPT}, set(KeyUsage)])
def test_usages_are_bits_of_the_mask_and_other_bits_do_not_matter(usages: set[KeyUsage]) -> None:
    mask = mask_of(frozenset(usages))
    assert usages_of(key_object(usage_mask=mask | 0x33)) == usages
