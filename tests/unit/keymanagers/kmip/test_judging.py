"""What may be done with a key, and in which words it is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure, KeyRotatedError
from hyok.keymanagers.interface import KeyDescription, KeyUsage
from hyok.keymanagers.kmip.judging import describe, require_decrypting, require_encrypting
from hyok.keymanagers.kmip.objects import KeyObject
from hyok.keymanagers.kmip.versions import Key, make_key
from hyok.keymanagers.kmip.vocabulary import State
from tests.unit.keymanagers.kmip.key_objects import LONG_AGO, key_object, marked

Check = Callable[[Key, int], KeyObject]


def refusal(check: Check, number: int, *objects: KeyObject) -> KeyManagerFailure:
    with pytest.raises(KeyManagerError) as raised:
        check(make_key("key", objects), number)
    return raised.value.failure


def refused_by_server(key: Key, number: int) -> KeyObject:
    return require_decrypting(key, number, is_refused=True)


def test_an_active_key_encrypts_and_decrypts() -> None:
    key = make_key("key", [marked("a", 1)])
    assert require_encrypting(key, 1) is require_decrypting(key, 1) is key.newest


@pytest.mark.parametrize("check", [require_encrypting, require_decrypting])
def test_a_disabled_key_does_neither(check: Check) -> None:
    disabled = marked("a", 1, is_enabled=False)
    assert refusal(check, 1, disabled) is KeyManagerFailure.KEY_DISABLED
    assert refusal(check, 9, disabled) is KeyManagerFailure.KEY_DISABLED


def test_a_version_withdrawn_with_no_newer_one_is_disabled_and_with_one_rotated() -> None:
    withdrawn = marked("a", 1, state=State.DEACTIVATED)
    assert refusal(require_encrypting, 1, withdrawn) is KeyManagerFailure.KEY_DISABLED
    with pytest.raises(KeyRotatedError):
        require_encrypting(make_key("key", [withdrawn, marked("b", 2)]), 1)


@pytest.mark.parametrize("state", [State.DEACTIVATED, State.COMPROMISED])
def test_whether_a_withdrawn_version_decrypts_is_for_the_server_to_say(state: State) -> None:
    withdrawn = marked("a", 1, state=state)
    assert require_decrypting(make_key("key", [withdrawn]), 1) is withdrawn
    assert refusal(refused_by_server, 1, withdrawn) is KeyManagerFailure.KEY_DISABLED


@pytest.mark.parametrize("state", [State.DESTROYED, State.DESTROYED_COMPROMISED])
def test_a_destroyed_version_decrypts_nothing(state: State) -> None:
    destroyed = marked("a", 1, state=state)
    assert refusal(require_decrypting, 1, destroyed, marked("b", 2)) is KeyManagerFailure.KEY_DISABLED


def test_usages_and_kinds_that_do_not_fit_are_refused() -> None:
    assert refusal(require_encrypting, 1, marked("a", 1, usage_mask=8)) is KeyManagerFailure.USAGE_NOT_PERMITTED
    assert refusal(require_decrypting, 1, marked("a", 1, usage_mask=4)) is KeyManagerFailure.USAGE_NOT_PERMITTED
    for changes in ({"length_bits": 128}, {"algorithm": 2}, {"algorithm": None}):
        assert refusal(require_encrypting, 1, marked("a", 1, **changes)) is KeyManagerFailure.UNSUPPORTED
        assert refusal(require_decrypting, 1, marked("a", 1, **changes)) is KeyManagerFailure.UNSUPPORTED


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (1, KeyManagerFailure.UNAVAILABLE),
        (LONG_AGO - 1, KeyManagerFailure.UNAVAILABLE),
        (2, KeyManagerFailure.CIPHERTEXT_REJECTED),
        (LONG_AGO + 1, KeyManagerFailure.CIPHERTEXT_REJECTED),
    ],
)
def test_a_missing_version_is_unavailable_if_it_may_have_been(number: int, expected: KeyManagerFailure) -> None:
    assert refusal(require_decrypting, number, key_object()) is expected
    assert refusal(require_encrypting, number, key_object()) is KeyManagerFailure.UNAVAILABLE


def test_a_key_that_was_never_in_use_is_described_as_disabled_and_refused() -> None:
    draft = key_object(state=State.PRE_ACTIVE)
    assert describe(make_key("key", [draft])) == KeyDescription("AES_256", frozenset(KeyUsage), is_enabled=False)
    assert refusal(require_encrypting, 1, draft) is KeyManagerFailure.KEY_DISABLED


@pytest.mark.parametrize(
    ("changes", "spec"),
    [
        ({}, "AES_256"),
        ({"length_bits": 192}, "AES_192"),
        ({"algorithm": 2, "length_bits": 168}, "3DES_168"),
        ({"algorithm": 99}, "algorithm 99_256"),
    ],
)
def test_a_key_of_another_kind_is_named(changes: dict[str, object], spec: str) -> None:
    assert describe(make_key("key", [key_object("a", **changes)])).key_spec == spec
