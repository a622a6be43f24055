from __future__ import annotations

import pytest

from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import KeyDescription, KeyUsage, KeyVersion
from hyok.keymanagers.pkcs11.key_names import KeyName, VersionMark, encode_version_mark
from hyok.keymanagers.pkcs11.keys import KeyObject, TokenKey, assemble_key

BOTH = frozenset(KeyUsage)
NONE: frozenset[KeyUsage] = frozenset()


def foreign(handle: int, *, key_id: bytes = b"", allowed: frozenset[KeyUsage] = BOTH) -> KeyObject:
    return KeyObject(handle, "key", key_id, "AES_256", allowed)


def ours(
    handle: int, number: int, *, usages: frozenset[KeyUsage] = BOTH, allowed: frozenset[KeyUsage] = BOTH
) -> KeyObject:
    return foreign(handle, key_id=encode_version_mark(VersionMark(number, usages, 0)), allowed=allowed)


def key_of(*objects: KeyObject) -> TokenKey:
    return assemble_key("key", KeyName(label="key"), objects, found_at=1.0)


def test_objects_of_one_label_are_versions_and_the_highest_encrypts() -> None:
    key = key_of(ours(7, 3), foreign(5), ours(6, 2))
    assert key.active == KeyVersion("key", 3)
    assert key.handles == {1: 5, 2: 6, 3: 7}


def test_an_object_named_by_its_id_is_version_1_whatever_the_id_says() -> None:
    version_5 = ours(9, 5)
    key = assemble_key("id:00", KeyName(id=version_5.id), (version_5,), found_at=1.0)
    assert (key.active.number, key.handles) == (1, {1: 9})


def test_a_version_that_two_objects_claim_is_not_used() -> None:
    key = key_of(foreign(1), ours(2, 2), ours(3, 2))
    assert key.active == KeyVersion("key", 1)
    assert key.handles == {1: 1}
    with pytest.raises(KeyManagerError, match=r"unavailable: several keys on the token are version 2 of 'key'"):
        key.handle_of(KeyVersion("key", 2), KeyUsage.DECRYPT)


def test_a_key_of_which_nothing_is_told_apart_encrypts_nothing() -> None:
    with pytest.raises(KeyManagerError, match=r"unavailable: several keys on the token are version 1 of 'key'"):
        key_of(foreign(1), foreign(2)).require(KeyUsage.ENCRYPT)


def test_a_version_that_was_destroyed_is_unavailable_and_one_that_never_was_is_rejected() -> None:
    key = key_of(ours(3, 3))
    for number, failure in ((2, KeyManagerFailure.UNAVAILABLE), (4, KeyManagerFailure.CIPHERTEXT_REJECTED)):
        with pytest.raises(KeyManagerError) as caught:
            key.handle_of(KeyVersion("key", number), KeyUsage.DECRYPT)
        assert caught.value.failure is failure


@pytest.mark.parametrize("usages", [BOTH, frozenset({KeyUsage.ENCRYPT})])
def test_a_disabled_key_is_still_known_for_what_it_is(usages: frozenset[KeyUsage]) -> None:
    key = key_of(ours(1, 1, usages=usages, allowed=NONE))
    assert key.description == KeyDescription("AES_256", usages, is_enabled=False)
    with pytest.raises(KeyManagerError) as caught:
        key.require(KeyUsage.ENCRYPT)
    assert caught.value.failure is KeyManagerFailure.KEY_DISABLED


def test_of_a_disabled_key_made_by_others_the_usual_is_assumed() -> None:
    assert key_of(foreign(1, allowed=NONE)).description == KeyDescription("AES_256", BOTH, is_enabled=False)
