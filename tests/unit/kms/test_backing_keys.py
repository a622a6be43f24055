from __future__ import annotations

from dataclasses import replace

import pytest

from hyok.custody.errors import IntegrityError
from hyok.custody.safe import Safe
from hyok.kms import backing_keys
from hyok.kms.backing_keys import BackingKeys, key_material_id
from hyok.kms.values import ExternalKeyReference
from hyok.secret import Secret
from tests.unit.kms.examples import EXTERNAL_KEY, ORDINARY_KEY

SAFE = Safe("storage", [Secret(bytes(32))])


def test_a_backing_key_is_32_random_bytes() -> None:
    held = BackingKeys(SAFE)
    held.add(held.create(ORDINARY_KEY, at=5.0))
    held.add(held.create(EXTERNAL_KEY, at=5.0))
    one, other = held.find(ORDINARY_KEY, 1), held.find(EXTERNAL_KEY, 1)
    assert one is not None
    assert len(one.reveal()) == 32
    assert one != other


def test_a_backing_key_is_stored_sealed_and_opens_after_a_restart() -> None:
    before = BackingKeys(SAFE)
    sealed = before.create(ORDINARY_KEY, at=5.0)
    before.add(sealed)
    material = before.find(ORDINARY_KEY, 1)
    assert material is not None
    assert material.reveal() not in sealed.sealed_material
    assert BackingKeys(SAFE, [sealed]).find(ORDINARY_KEY, 1) == material


def test_a_number_that_the_key_never_had_is_not_found() -> None:
    held = BackingKeys(SAFE)
    held.add(held.create(ORDINARY_KEY, at=5.0))
    assert held.find(ORDINARY_KEY, 2) is None
    assert held.find(EXTERNAL_KEY, 1) is None


def test_a_backing_key_moved_to_another_key_does_not_open() -> None:
    held = BackingKeys(SAFE)
    held.add(held.create(ORDINARY_KEY, at=5.0)._replace(key_id=EXTERNAL_KEY.key_id))
    with pytest.raises(IntegrityError):
        held.find(EXTERNAL_KEY, 1)


def test_a_key_pointed_at_another_external_key_has_no_backing_key_that_opens() -> None:
    held = BackingKeys(SAFE)
    held.add(held.create(EXTERNAL_KEY, at=5.0))
    edited = replace(EXTERNAL_KEY, external_key=ExternalKeyReference("cks-0123456789abcdef0", "another"))
    with pytest.raises(IntegrityError):
        held.find(edited, 1)


def test_a_forgotten_backing_key_is_gone_opened_or_not() -> None:
    held = BackingKeys(SAFE)
    held.add(held.create(ORDINARY_KEY, at=5.0))
    assert held.find(ORDINARY_KEY, 1) is not None
    held.forget(ORDINARY_KEY.key_id)
    assert held.find(ORDINARY_KEY, 1) is None


def test_only_so_many_are_kept_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backing_keys, "OPENED_AT_MOST", 1)
    held = BackingKeys(SAFE)
    for key in (ORDINARY_KEY, EXTERNAL_KEY):
        held.add(held.create(key, at=5.0))
    first = held.find(ORDINARY_KEY, 1)
    assert held.find(ORDINARY_KEY, 1) is first
    held.find(EXTERNAL_KEY, 1)
    again = held.find(ORDINARY_KEY, 1)
    assert again == first
    assert again is not first


def test_a_material_id_has_aws_s_form_and_differs_by_key_and_number() -> None:
    ids = {key_material_id(ORDINARY_KEY, 1), key_material_id(ORDINARY_KEY, 2), key_material_id(EXTERNAL_KEY, 1)}
    assert len(ids) == 3
    assert all(len(id_) == 64 and int(id_, 16) >= 0 for id_ in ids)
