from __future__ import annotations

import pytest

from hyok.custody.errors import IntegrityError
from hyok.custody.passphrase_root import COST, Argon2Cost, PassphraseRoot
from hyok.custody.rewrapping import begin, finish
from hyok.custody.root_key import LocalRootKey
from hyok.custody.safe import Safe, open_safe
from hyok.errors import NotDoneError, OperatorError
from hyok.secret import Secret
from hyok.storage.engine import Storage
from tests.unit.storage.fixtures import SetClock

CHEAP = Argon2Cost(memory_kib=64, passes=1, lanes=1)
WORDS = Secret(b"correct horse battery staple")
OTHER_WORDS = Secret(b"incorrect horse battery staple")
OLD = LocalRootKey(Secret(bytes(range(32))))  # of the fixture `safe`


def root(words: Secret = WORDS) -> PassphraseRoot:
    return PassphraseRoot(words, cost=CHEAP)


def test_what_a_passphrase_wrapped_the_same_one_unwraps_elsewhere() -> None:
    wrapped = root().wrap(b"plaintext", b"context")
    assert root().unwrap(wrapped, b"context") == b"plaintext"


def test_two_wraps_have_two_salts() -> None:
    assert root().wrap(b"x", b"")[12:28] != root().wrap(b"x", b"")[12:28]


def test_the_cost_is_that_of_the_rfc_and_stands_with_what_is_wrapped() -> None:
    assert COST == (64 * 1024, 3, 4)
    wrapped = PassphraseRoot(WORDS).wrap(b"x", b"")
    assert wrapped[:12] == bytes.fromhex("000100000000000300000004")
    assert root().unwrap(wrapped, b"") == b"x"


@pytest.mark.parametrize("at", [0, 11, 12, 27, 28, 40, -1])
def test_an_altered_byte_is_noticed(at: int) -> None:
    wrapped = bytearray(root().wrap(b"plaintext", b"context"))
    wrapped[at] ^= 1
    with pytest.raises(IntegrityError):
        root().unwrap(bytes(wrapped), b"context")


@pytest.mark.parametrize("cost", [(2**32 - 1, 1, 1), (64, 2**31, 1), (64, 0, 1), (64, 1, 0), (64, 1, 9)])
def test_a_cost_that_hyok_never_writes_is_not_paid(cost: tuple[int, int, int]) -> None:
    head = b"".join(part.to_bytes(4) for part in cost)
    with pytest.raises(IntegrityError, match="names a cost that hyok never writes"):
        root().unwrap(head + bytes(100), b"")


def test_another_passphrase_or_context_does_not_unwrap() -> None:
    wrapped = root().wrap(b"plaintext", b"context")
    for other, context in ((root(OTHER_WORDS), b"context"), (root(), b"another")):
        with pytest.raises(IntegrityError):
            other.unwrap(wrapped, context)


def test_a_short_passphrase_is_refused_and_not_shown() -> None:
    with pytest.raises(OperatorError, match=r"the passphrase has 7 characters, and 16 or more") as refused:
        PassphraseRoot(Secret(b"hunter2"))
    assert "hunter2" not in str(refused.value)


def test_a_storage_is_kept_under_a_passphrase(holder_storage: Storage) -> None:
    sealed = open_safe(holder_storage, root()).seal(b"secret", "t")
    assert open_safe(holder_storage, root()).open(sealed, "t") == Secret(b"secret")
    with pytest.raises(OperatorError, match="a passphrase or a key manager may be another one than it was"):
        open_safe(holder_storage, root(OTHER_WORDS))
    with pytest.raises(OperatorError, match="is kept under root key passphrase-"):
        open_safe(holder_storage, OLD)


def test_a_storage_passes_from_one_passphrase_to_another(holder_storage: Storage, clock: SetClock) -> None:
    sealed = open_safe(holder_storage, root()).seal(b"secret", "t")
    for _ in range(2):  # the second time it goes on
        key = begin(holder_storage, clock, root=root(), successor=root(OTHER_WORDS))
        assert Safe(key.store_id, key.keks).open(sealed, "t") == Secret(b"secret")
    for words in (WORDS, OTHER_WORDS):
        assert open_safe(holder_storage, root(words)).open(sealed, "t") == Secret(b"secret")
    with pytest.raises(NotDoneError, match="names the root key that is to be retired"):
        finish(holder_storage, clock, root=root())
    finish(holder_storage, clock, root=root(OTHER_WORDS))
    open_safe(holder_storage, root(OTHER_WORDS))
    with pytest.raises(OperatorError):
        open_safe(holder_storage, root())
