from __future__ import annotations

from dataclasses import replace

from hyok.kms.key_index import KeyIndex
from hyok.kms.key_names import alias_arn
from hyok.kms.values import Alias, AutomaticRotation, KeyState
from tests.unit.kms.examples import EXTERNAL_KEY, ORDINARY_KEY
from tests.unit.kms.running import ACCOUNT, OTHER_REGION, REGION


def alias(name: str, key_id: str = ORDINARY_KEY.key_id) -> Alias:
    return Alias(ACCOUNT, REGION, name, alias_arn(ACCOUNT, REGION, name), key_id, created_at=1.0, updated_at=1.0)


def index() -> KeyIndex:
    filled = KeyIndex()
    filled.put_key(ORDINARY_KEY)
    filled.put_key(EXTERNAL_KEY)
    filled.put_alias(alias("alias/b"))
    filled.put_alias(alias("alias/a"))
    return filled


def test_a_key_is_found_by_every_name_it_has() -> None:
    assert EXTERNAL_KEY.external_key is not None
    assert index().key(EXTERNAL_KEY.key_id) == EXTERNAL_KEY
    assert index().key_by_arn(EXTERNAL_KEY.arn) == EXTERNAL_KEY
    assert index().key_by_external_key(EXTERNAL_KEY.external_key) == EXTERNAL_KEY


def test_a_changed_key_takes_the_place_of_the_earlier_one_under_every_name() -> None:
    filled = index()
    changed = replace(EXTERNAL_KEY, state=KeyState.DISABLED)
    filled.put_key(changed)
    assert EXTERNAL_KEY.external_key is not None
    assert filled.key(EXTERNAL_KEY.key_id) == changed
    assert filled.key_by_arn(EXTERNAL_KEY.arn) == changed
    assert filled.key_by_external_key(EXTERNAL_KEY.external_key) == changed
    assert len(filled.key_ids(ACCOUNT, REGION)) == 2


def test_lists_are_sorted_and_of_one_account_and_region() -> None:
    assert index().key_ids(ACCOUNT, REGION) == [EXTERNAL_KEY.key_id, ORDINARY_KEY.key_id]
    assert index().alias_names(ACCOUNT, REGION) == ["alias/a", "alias/b"]
    assert index().key_ids(ACCOUNT, OTHER_REGION) == []
    assert index().alias_names(ACCOUNT, OTHER_REGION) == []


def test_a_dropped_key_takes_its_aliases_with_it_and_leaves_no_name() -> None:
    filled = index()
    filled.put_alias(alias("alias/c", EXTERNAL_KEY.key_id))
    filled.drop_key(ORDINARY_KEY)
    assert filled.key(ORDINARY_KEY.key_id) is None
    assert filled.key_by_arn(ORDINARY_KEY.arn) is None
    assert filled.key_ids(ACCOUNT, REGION) == [EXTERNAL_KEY.key_id]
    assert filled.alias(alias("alias/a").arn) is None
    assert filled.alias_names(ACCOUNT, REGION) == ["alias/c"]


def test_a_dropped_key_sets_its_external_key_free() -> None:
    filled = index()
    filled.drop_key(EXTERNAL_KEY)
    assert EXTERNAL_KEY.external_key is not None
    assert filled.key_by_external_key(EXTERNAL_KEY.external_key) is None


def test_a_moved_alias_belongs_to_its_new_key_only() -> None:
    filled = index()
    moved = alias("alias/a", EXTERNAL_KEY.key_id)
    filled.put_alias(moved)
    assert filled.aliases_of(ORDINARY_KEY.key_id) == [alias("alias/b")]
    assert filled.aliases_of(EXTERNAL_KEY.key_id) == [moved]
    assert filled.alias_names(ACCOUNT, REGION) == ["alias/a", "alias/b"]


def test_keys_are_due_when_their_date_has_come_and_until_they_change() -> None:
    index = KeyIndex()
    pending = replace(ORDINARY_KEY, state=KeyState.PENDING_DELETION, deletion_date=10.0)
    rotating = replace(EXTERNAL_KEY, external_key=None, rotation=AutomaticRotation(90, 20.0))
    for key in (pending, rotating):
        index.put_key(key)
    assert list(index.due_keys(9.9)) == []
    assert list(index.due_keys(10.0)) == list(index.due_keys(10.0)) == [pending]
    assert list(index.due_keys(30.0)) == [pending, rotating]
    index.put_key(replace(pending, state=KeyState.DISABLED, deletion_date=None))
    index.put_key(replace(rotating, rotation=AutomaticRotation(90, 40.0)))
    assert list(index.due_keys(30.0)) == []
    assert [key.key_id for key in index.due_keys(40.0)] == [rotating.key_id]
    index.drop_key(index.due_keys(40.0)[0])
    assert list(index.due_keys(50.0)) == []


def test_a_disabled_key_is_not_due_and_an_enabled_one_at_once_if_its_date_has_passed() -> None:
    index = KeyIndex()
    key = replace(ORDINARY_KEY, state=KeyState.DISABLED, rotation=AutomaticRotation(90, 20.0))
    index.put_key(key)
    assert list(index.due_keys(100.0)) == []
    index.put_key(replace(key, state=KeyState.ENABLED))
    assert [key.key_id for key in index.due_keys(100.0)] == [key.key_id]
