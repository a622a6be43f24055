from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from msgspec import structs
from sqlalchemy import text

from hyok.clock import NO_DEADLINE
from hyok.custody.root_key import LocalRootKey
from hyok.custody.safe import Safe, open_safe
from hyok.keymanagers.embedded.administrator import EmbeddedKeyAdministrator
from hyok.keymanagers.embedded.leasing import Leasing
from hyok.keymanagers.embedded.manager import EmbeddedKeyManager
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import (
    HealthStatus,
    KeyAdministrator,
    KeyDescription,
    KeyManager,
    KeyUsage,
    KeyVersion,
    Sealed,
)
from hyok.secret import Secret
from hyok.storage.changes import Change, ChangeKind, changes_since, record_change
from hyok.storage.engine import Storage, open_storage
from hyok.storage.schema import Side
from tests.unit.storage.fixtures import SetClock

T = TypeVar("T")
BOTH = frozenset(KeyUsage)


def at_once(call: Coroutine[Any, Any, T]) -> T:
    """Run a call to its end, and fail if it waits."""
    try:
        call.send(None)
    except StopIteration as end:
        answer: T = end.value
        return answer
    raise AssertionError("the call waits")


def encrypt(manager: EmbeddedKeyManager, key_id: str, plaintext: bytes, aad: bytes = b"") -> tuple[KeyVersion, Sealed]:
    version = at_once(manager.active_version(key_id, NO_DEADLINE))
    return version, asyncio.run(manager.encrypt(version, plaintext, aad, NO_DEADLINE))


def decrypt(manager: EmbeddedKeyManager, version: KeyVersion, sealed: Sealed, aad: bytes = b"") -> bytes:
    return at_once(manager.decrypt(version, sealed, aad, NO_DEADLINE))


def failure_of(call: Coroutine[Any, Any, object]) -> KeyManagerFailure:
    with pytest.raises(KeyManagerError) as caught:
        at_once(call)
    return caught.value.failure


def apply_all(manager: EmbeddedKeyManager, storage: Storage) -> None:
    with storage.reading() as connection:
        changes = changes_since(connection, 0)
    asyncio.run(manager.apply(changes))


@pytest.fixture
def administrator(holder_storage: Storage, safe: Safe, clock: SetClock) -> EmbeddedKeyAdministrator:
    administrator = EmbeddedKeyAdministrator(holder_storage, safe, clock)
    administrator.create_key("a", BOTH)
    return administrator


@pytest.fixture
def manager(holder_storage: Storage, safe: Safe, administrator: EmbeddedKeyAdministrator) -> EmbeddedKeyManager:
    return EmbeddedKeyManager(holder_storage, Leasing(safe, SetClock()))


def test_it_is_a_key_manager(manager: EmbeddedKeyManager, administrator: EmbeddedKeyAdministrator) -> None:
    as_manager: KeyManager = manager
    as_administrator: KeyAdministrator = administrator
    assert as_manager.vendor == "hyok"
    assert [key.key_id for key in as_administrator.list_keys()] == ["a"]


def test_what_was_encrypted_decrypts_without_waiting_once_a_lease_is_there(manager: EmbeddedKeyManager) -> None:
    version, _ = encrypt(manager, "a", b"the first one waits for its lease")
    sealed = at_once(manager.encrypt(version, b"plaintext", b"aad", NO_DEADLINE))
    assert (len(sealed.ciphertext), len(sealed.iv), len(sealed.tag)) == (9, 12, 16)
    assert version == KeyVersion("a", 1)
    assert decrypt(manager, version, sealed, b"aad") == b"plaintext"


def test_the_same_plaintext_never_gives_the_same_ciphertext(manager: EmbeddedKeyManager) -> None:
    seals = [encrypt(manager, "a", b"plaintext")[1] for _ in range(100)]
    assert len({sealed.iv for sealed in seals}) == len({sealed.ciphertext for sealed in seals}) == 100


def flip(value: bytes) -> bytes:
    return bytes([value[0] ^ 1]) + value[1:]


ALTERATIONS: dict[str, Callable[[Sealed], Sealed]] = {
    "ciphertext": lambda it: structs.replace(it, ciphertext=flip(it.ciphertext)),
    "iv": lambda it: structs.replace(it, iv=flip(it.iv)),
    "tag": lambda it: structs.replace(it, tag=flip(it.tag)),
    "short tag": lambda it: structs.replace(it, tag=it.tag[:-1]),
    "byte moved from tag to ciphertext": lambda it: Sealed(it.ciphertext + it.tag[:1], it.iv, it.tag[1:]),
    "no iv": lambda it: structs.replace(it, iv=b""),
    "long iv": lambda it: structs.replace(it, iv=bytes(200)),
}


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_an_altered_ciphertext_is_rejected(manager: EmbeddedKeyManager, alteration: str) -> None:
    version, sealed = encrypt(manager, "a", b"plaintext", b"aad")
    call = manager.decrypt(version, ALTERATIONS[alteration](sealed), b"aad", NO_DEADLINE)
    assert failure_of(call) is KeyManagerFailure.CIPHERTEXT_REJECTED


def test_other_aad_is_rejected(manager: EmbeddedKeyManager) -> None:
    version, sealed = encrypt(manager, "a", b"plaintext", b"aad")
    call = manager.decrypt(version, sealed, b"add", NO_DEADLINE)
    assert failure_of(call) is KeyManagerFailure.CIPHERTEXT_REJECTED


def test_another_keys_ciphertext_is_rejected(
    holder_storage: Storage, safe: Safe, administrator: EmbeddedKeyAdministrator
) -> None:
    administrator.create_key("b", BOTH)
    manager = EmbeddedKeyManager(holder_storage, Leasing(safe, SetClock()))
    _, sealed = encrypt(manager, "a", b"plaintext")
    call = manager.decrypt(KeyVersion("b", 1), sealed, b"", NO_DEADLINE)
    assert failure_of(call) is KeyManagerFailure.CIPHERTEXT_REJECTED


@pytest.mark.parametrize("number", [0, 2, 2**32 - 1])
def test_a_version_that_never_was_means_a_bad_ciphertext(manager: EmbeddedKeyManager, number: int) -> None:
    _, sealed = encrypt(manager, "a", b"plaintext")
    call = manager.decrypt(KeyVersion("a", number), sealed, b"", NO_DEADLINE)
    assert failure_of(call) is KeyManagerFailure.CIPHERTEXT_REJECTED


def test_a_version_that_was_lost_is_not_the_ciphertexts_fault(
    holder_storage: Storage, safe: Safe, administrator: EmbeddedKeyAdministrator
) -> None:
    with holder_storage.transaction() as connection:
        connection.execute(text("DELETE FROM embedded_key_versions"))
    manager = EmbeddedKeyManager(holder_storage, Leasing(safe, SetClock()))
    version = at_once(manager.active_version("a", NO_DEADLINE))
    assert failure_of(manager.encrypt(version, b"x", b"", NO_DEADLINE)) is KeyManagerFailure.UNAVAILABLE
    sealed = Sealed(b"x", bytes(12), bytes(16))
    assert failure_of(manager.decrypt(version, sealed, b"", NO_DEADLINE)) is KeyManagerFailure.UNAVAILABLE


def test_a_key_that_is_not_there_is_not_found(manager: EmbeddedKeyManager) -> None:
    version = KeyVersion("none", 1)
    calls: list[Coroutine[Any, Any, object]] = [
        manager.describe_key("none", NO_DEADLINE),
        manager.active_version("none", NO_DEADLINE),
        manager.encrypt(version, b"", b"", NO_DEADLINE),
        manager.decrypt(version, Sealed(b"", bytes(12), bytes(16)), b"", NO_DEADLINE),
    ]
    assert {failure_of(call) for call in calls} == {KeyManagerFailure.KEY_NOT_FOUND}


def test_a_disabled_key_refuses_all_use_but_is_described(
    holder_storage: Storage, manager: EmbeddedKeyManager, administrator: EmbeddedKeyAdministrator
) -> None:
    version, sealed = encrypt(manager, "a", b"plaintext")
    administrator.disable_key("a")
    apply_all(manager, holder_storage)
    assert failure_of(manager.active_version("a", NO_DEADLINE)) is KeyManagerFailure.KEY_DISABLED
    assert failure_of(manager.encrypt(version, b"", b"", NO_DEADLINE)) is KeyManagerFailure.KEY_DISABLED
    assert failure_of(manager.decrypt(version, sealed, b"", NO_DEADLINE)) is KeyManagerFailure.KEY_DISABLED
    assert at_once(manager.describe_key("a", NO_DEADLINE)) == KeyDescription("AES_256", BOTH, is_enabled=False)


def test_a_key_enabled_again_decrypts_what_it_encrypted_before(
    holder_storage: Storage, manager: EmbeddedKeyManager, administrator: EmbeddedKeyAdministrator
) -> None:
    version, sealed = encrypt(manager, "a", b"plaintext")
    administrator.disable_key("a")
    administrator.enable_key("a")
    apply_all(manager, holder_storage)
    assert decrypt(manager, version, sealed) == b"plaintext"


def test_a_usage_that_a_key_lacks_is_refused(
    holder_storage: Storage, safe: Safe, administrator: EmbeddedKeyAdministrator
) -> None:
    administrator.create_key("e", frozenset({KeyUsage.ENCRYPT}))
    administrator.create_key("d", frozenset({KeyUsage.DECRYPT}))
    manager = EmbeddedKeyManager(holder_storage, Leasing(safe, SetClock()))
    version, sealed = encrypt(manager, "e", b"plaintext")
    refused: list[Coroutine[Any, Any, object]] = [
        manager.decrypt(version, sealed, b"", NO_DEADLINE),
        manager.active_version("d", NO_DEADLINE),
        manager.encrypt(KeyVersion("d", 1), b"", b"", NO_DEADLINE),
    ]
    assert {failure_of(call) for call in refused} == {KeyManagerFailure.USAGE_NOT_PERMITTED}
    usages = at_once(manager.describe_key("d", NO_DEADLINE)).usages
    assert usages == {KeyUsage.DECRYPT}


def test_a_rotated_key_encrypts_anew_and_decrypts_the_old(
    holder_storage: Storage, manager: EmbeddedKeyManager, administrator: EmbeddedKeyAdministrator
) -> None:
    old_version, old = encrypt(manager, "a", b"old")
    administrator.rotate_key("a")
    apply_all(manager, holder_storage)
    version, new = encrypt(manager, "a", b"new")
    assert version.number == 2
    assert decrypt(manager, version, new) == b"new"
    assert decrypt(manager, old_version, old) == b"old"
    call = manager.decrypt(version, old, b"", NO_DEADLINE)
    assert failure_of(call) is KeyManagerFailure.CIPHERTEXT_REJECTED


def test_keys_created_while_it_runs_are_usable_once_applied(
    holder_storage: Storage, manager: EmbeddedKeyManager, administrator: EmbeddedKeyAdministrator
) -> None:
    administrator.create_key("first", BOTH)
    with holder_storage.transaction() as connection:
        for number in range(1200):  # more than the parameters of one statement
            record_change(connection, ChangeKind.EMBEDDED_KEY, f"gone-{number}", at=1.0)
    administrator.create_key("last", BOTH)
    with holder_storage.reading() as connection:
        changes = changes_since(connection, 0, limit=2000)
    asyncio.run(manager.apply(changes))
    assert decrypt(manager, *encrypt(manager, "first", b"x")) == b"x"
    assert decrypt(manager, *encrypt(manager, "last", b"x")) == b"x"


def test_changes_of_other_things_are_not_read(manager: EmbeddedKeyManager, holder_storage: Storage) -> None:
    holder_storage.close()  # reading would fail
    asyncio.run(manager.apply([Change(1, ChangeKind.KEY_STORE, "a", 1.0)]))
    assert at_once(manager.active_version("a", NO_DEADLINE)).number == 1


def test_a_cache_of_two_serves_three_keys(
    holder_storage: Storage, safe: Safe, administrator: EmbeddedKeyAdministrator
) -> None:
    administrator.create_key("b", BOTH)
    administrator.create_key("c", BOTH)
    manager = EmbeddedKeyManager(holder_storage, Leasing(safe, SetClock()), ciphers_kept=2)
    sealed = {key_id: encrypt(manager, key_id, key_id.encode()) for key_id in ("a", "b", "c")}
    for key_id in ("a", "b", "c", "a"):
        assert decrypt(manager, *sealed[key_id]) == key_id.encode()
    assert len(manager._encrypting) == len(manager._decrypting) == 2


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE embedded_keys SET state = 'enabled' WHERE key_id = 'a'",
        "UPDATE embedded_keys SET usages = 'ENCRYPT', state = 'disabled' WHERE key_id = 'a'",
        "UPDATE embedded_keys SET active_version = 2, state = 'disabled' WHERE key_id = 'a'",
    ],
)
def test_a_row_edited_behind_hyoks_back_is_noticed(
    holder_storage: Storage, safe: Safe, administrator: EmbeddedKeyAdministrator, edit: str
) -> None:
    administrator.disable_key("a")
    with holder_storage.transaction() as connection:
        connection.execute(text(edit))
    manager = EmbeddedKeyManager(holder_storage, Leasing(safe, SetClock()))
    call = manager.encrypt(KeyVersion("a", 1), b"", b"", NO_DEADLINE)
    if "disabled" in edit:
        assert failure_of(call) is KeyManagerFailure.KEY_DISABLED
        with pytest.raises(Exception, match=r"embedded_key_versions, row \('a', 1,"):
            administrator.enable_key("a")
    else:
        with pytest.raises(KeyManagerError, match=r"unavailable: .*embedded_key_versions, row \('a', 1,"):
            at_once(call)


def test_material_swapped_between_keys_is_noticed(
    holder_storage: Storage, safe: Safe, administrator: EmbeddedKeyAdministrator
) -> None:
    administrator.create_key("b", BOTH)
    with holder_storage.transaction() as connection:
        connection.execute(
            text(
                "UPDATE embedded_key_versions SET sealed_material = "
                "(SELECT sealed_material FROM embedded_key_versions WHERE key_id = 'b') WHERE key_id = 'a'"
            )
        )
    manager = EmbeddedKeyManager(holder_storage, Leasing(safe, SetClock()))
    call = manager.encrypt(KeyVersion("a", 1), b"", b"", NO_DEADLINE)
    assert failure_of(call) is KeyManagerFailure.UNAVAILABLE
    assert decrypt(manager, *encrypt(manager, "b", b"x")) == b"x"


def test_an_edited_row_is_noticed_by_a_running_manager_too(
    holder_storage: Storage, manager: EmbeddedKeyManager, administrator: EmbeddedKeyAdministrator
) -> None:
    encrypt(manager, "a", b"x")  # its cipher is cached
    administrator.disable_key("a")
    with holder_storage.transaction() as connection:
        connection.execute(text("UPDATE embedded_keys SET state = 'enabled'"))
    apply_all(manager, holder_storage)
    call = manager.encrypt(KeyVersion("a", 1), b"", b"", NO_DEADLINE)
    assert failure_of(call) is KeyManagerFailure.UNAVAILABLE


@pytest.mark.sqlite_files
@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE embedded_keys SET state = 'Enabled' WHERE key_id = 'a'",
        "UPDATE embedded_keys SET usages = 'ENCRYPT,DECRYPT' WHERE key_id = 'a'",
        "UPDATE embedded_keys SET active_version = 4294967296 WHERE key_id = 'a'",
        "UPDATE embedded_keys SET active_version = 'x' WHERE key_id = 'a'",
    ],
)
def test_a_row_with_words_hyok_never_writes_is_reported_and_refused_and_no_other(
    holder_storage: Storage,
    safe: Safe,
    administrator: EmbeddedKeyAdministrator,
    edit: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    administrator.create_key("b", BOTH)
    with holder_storage.transaction() as connection:
        connection.execute(text(edit))
    manager = EmbeddedKeyManager(holder_storage, Leasing(safe, SetClock()))
    assert failure_of(manager.active_version("a", NO_DEADLINE)) is KeyManagerFailure.KEY_DISABLED
    assert not at_once(manager.describe_key("a", NO_DEADLINE)).is_enabled
    assert decrypt(manager, *encrypt(manager, "b", b"x")) == b"x"
    assert "table embedded_keys, row 'a', was altered" in caplog.text


@pytest.mark.sqlite_files
@pytest.mark.parametrize("value", ["zeroblob(70000)", "'text'", "zeroblob(3)", "zeroblob(61)"])
def test_material_that_hyok_never_writes_makes_one_key_unavailable(
    holder_storage: Storage, safe: Safe, administrator: EmbeddedKeyAdministrator, value: str
) -> None:
    administrator.create_key("b", BOTH)
    with holder_storage.transaction() as connection:
        connection.execute(text(f"UPDATE embedded_key_versions SET sealed_material = {value} WHERE key_id = 'a'"))  # noqa: S608  # the test's own words
    manager = EmbeddedKeyManager(holder_storage, Leasing(safe, SetClock()))
    call = manager.encrypt(KeyVersion("a", 1), b"", b"", NO_DEADLINE)
    assert failure_of(call) is KeyManagerFailure.UNAVAILABLE
    assert decrypt(manager, *encrypt(manager, "b", b"x")) == b"x"


@pytest.mark.sqlite_files
def test_no_key_material_lies_in_the_files(
    holder_url: str, holder_storage: Storage, administrator: EmbeddedKeyAdministrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = b"CANARY of exactly 32 bytes ....."
    monkeypatch.setattr("hyok.keymanagers.embedded.stored_keys.os.urandom", lambda count: canary[:count])
    administrator.create_key("canary", BOTH)
    administrator.rotate_key("canary")
    for suffix in ("", "-wal"):
        content = Path(holder_url.removeprefix("sqlite:///") + suffix).read_bytes()
        assert b"canary" in content or suffix == ""  # the key id: proof that the change is in what is looked at
        assert canary not in content


def test_health_is_proven_with_a_key_that_no_customer_has(holder_storage: Storage, safe: Safe) -> None:
    empty = EmbeddedKeyManager(holder_storage, Leasing(safe, SetClock()))
    (member,) = at_once(empty.check_health(NO_DEADLINE))
    assert (member.id, member.status) == ("embedded", HealthStatus.ACTIVE)


def test_after_closing_it_holds_no_key(manager: EmbeddedKeyManager) -> None:
    encrypt(manager, "a", b"x")
    at_once(manager.aclose())
    assert failure_of(manager.active_version("a", NO_DEADLINE)) is KeyManagerFailure.KEY_NOT_FOUND


def test_another_process_reads_the_same_keys(holder_url: str, manager: EmbeddedKeyManager, safe: Safe) -> None:
    version, sealed = encrypt(manager, "a", b"plaintext")
    storage = open_storage(holder_url, Side.HOLDER)
    again = EmbeddedKeyManager(storage, Leasing(open_safe(storage, LocalRootKey(Secret(bytes(range(32))))), SetClock()))
    storage.close()
    assert decrypt(again, version, sealed) == b"plaintext"
