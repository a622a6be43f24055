from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import LargeBinary, text

from hyok.administration.credentials import create_credential
from hyok.administration.keystores import create_key_store
from hyok.assembly.root_keys import sealed_columns
from hyok.clock import NO_DEADLINE
from hyok.custody.errors import IntegrityError
from hyok.custody.following import SuccessionFollower
from hyok.custody.rewrapping import ROWS_AT_ONCE, Resealing, begin, count_sealed, describe_keeping, finish, reseal
from hyok.custody.root_key import LocalRootKey
from hyok.custody.safe import Safe, SafeKey, inherit_safe, open_safe, unlock_safe
from hyok.errors import NotDoneError, OperatorError
from hyok.keymanagers.embedded.administrator import EmbeddedKeyAdministrator
from hyok.keymanagers.embedded.leasing import Leasing
from hyok.keymanagers.embedded.manager import EmbeddedKeyManager
from hyok.keymanagers.interface import KeyUsage, KeyVersion, Sealed
from hyok.proxy.stored_keystores import StoredKeyStores
from hyok.secret import Secret
from hyok.storage.changes import changes_since
from hyok.storage.engine import Storage
from hyok.storage.schema import Side
from tests.unit.storage.fixtures import SetClock

OLD = LocalRootKey(Secret(bytes(range(32))))  # of the fixture `safe`
NEW = LocalRootKey(Secret(bytes(32)))
THIRD = LocalRootKey(Secret(b"3" * 32))
BOTH = frozenset(KeyUsage)
HOLDER = sealed_columns(Side.HOLDER)


@pytest.fixture
def stocked(holder_storage: Storage, safe: Safe, clock: SetClock) -> Storage:
    """A storage under OLD with credentials and keys in every state."""
    create_key_store(holder_storage, clock, name="main")
    for _ in range(2):
        create_credential(holder_storage, safe, clock, key_store="main")
    administrator = EmbeddedKeyAdministrator(holder_storage, safe, clock)
    for key_id in ("enabled", "disabled", "pending"):
        administrator.create_key(key_id, BOTH)
        administrator.rotate_key(key_id)
    administrator.disable_key("disabled")
    administrator.schedule_deletion("pending", waiting_days=7)
    with holder_storage.transaction() as connection:
        Leasing(safe, clock).grant(connection, [KeyVersion("enabled", 2)])
    return holder_storage


def pass_on(storage: Storage, clock: SetClock, root: LocalRootKey = OLD, successor: LocalRootKey = NEW) -> Resealing:
    key = begin(storage, clock, root=root, successor=successor)
    return reseal(storage, Safe(key.store_id, key.keks), HOLDER)


def assert_all_opens(storage: Storage, root: LocalRootKey, clock: SetClock) -> None:
    """Use every key and read every credential as a server that starts now."""
    safe = open_safe(storage, root)
    assert len(StoredKeyStores(storage, safe).directory.all()[0].credentials) == 2
    manager = EmbeddedKeyManager(storage, Leasing(safe, clock))

    async def encrypt() -> tuple[KeyVersion, Sealed]:
        version = await manager.active_version("enabled", NO_DEADLINE)
        return version, await manager.encrypt(version, b"x", b"", NO_DEADLINE)

    version, sealed = asyncio.run(encrypt())
    assert asyncio.run(manager.decrypt(version, sealed, b"", NO_DEADLINE)) == b"x"
    assert reseal(storage, safe, HOLDER).unreadable == ()


@pytest.mark.parametrize("side", Side)
def test_every_sealed_column_of_the_schema_is_known(side: Side) -> None:
    in_schema = {
        (table.name, column.name)
        for table in side.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, LargeBinary) and column.name.startswith("sealed")
    }
    assert {(column.table.name, column.column) for column in sealed_columns(side)} == in_schema


def test_everything_is_sealed_anew_and_nothing_is_the_second_time(stocked: Storage, clock: SetClock) -> None:
    assert pass_on(stocked, clock) == Resealing(looked_at=8, resealed=8, unreadable=())
    assert pass_on(stocked, clock) == Resealing(looked_at=8, resealed=0, unreadable=())
    assert count_sealed(stocked, HOLDER) == {"credentials": 2, "embedded_key_versions": 6}


def test_either_root_opens_the_storage_until_the_old_one_is_retired(stocked: Storage, clock: SetClock) -> None:
    begin(stocked, clock, root=OLD, successor=NEW)
    for root in (OLD, NEW):
        assert_all_opens(stocked, root, clock)
    pass_on(stocked, clock)
    for root in (OLD, NEW):
        assert_all_opens(stocked, root, clock)
    assert finish(stocked, clock, root=NEW) == OLD.id
    assert_all_opens(stocked, NEW, clock)
    with pytest.raises(OperatorError, match=f"kept under root key {NEW.id}, and the root key given is {OLD.id}"):
        open_safe(stocked, OLD)


def test_whoever_has_the_old_root_and_an_old_copy_opens_nothing_sealed_later(stocked: Storage, clock: SetClock) -> None:
    before = unlock_safe(stocked, OLD)
    pass_on(stocked, clock)
    finish(stocked, clock, root=NEW)
    assert reseal(stocked, Safe(before.store_id, before.keks), HOLDER).unreadable != ()


@pytest.mark.sqlite_files
def test_the_old_key_encryption_key_is_gone_when_the_old_root_is_retired(stocked: Storage, clock: SetClock) -> None:
    pass_on(stocked, clock)
    with stocked.reading() as connection:
        wrapped = connection.scalar(text("SELECT predecessor_under_kek FROM storage_succession"))
        old = connection.scalar(text("SELECT wrapped_kek FROM storage_identity"))
    finish(stocked, clock, root=NEW)
    assert asyncio.run(stocked.erase_traces())
    for suffix in ("", "-wal"):
        content = Path(stocked.location + suffix).read_bytes()
        assert wrapped not in content
        assert old not in content


def test_a_running_server_follows(stocked: Storage, safe: Safe, clock: SetClock) -> None:
    manager = EmbeddedKeyManager(stocked, Leasing(safe, clock))
    follower = SuccessionFollower(stocked, safe)
    version = KeyVersion("enabled", 2)
    sealed = asyncio.run(manager.encrypt(version, b"before", b"", NO_DEADLINE))
    pass_on(stocked, clock)
    EmbeddedKeyAdministrator(stocked, open_safe(stocked, NEW), clock).create_key("later", BOTH)

    async def follow() -> None:
        with stocked.reading() as connection:
            changes = changes_since(connection, 0)
        await follower.apply(changes)
        await manager.apply(changes)

    asyncio.run(follow())
    assert asyncio.run(manager.decrypt(version, sealed, b"", NO_DEADLINE)) == b"before"
    asyncio.run(manager.encrypt(KeyVersion("later", 1), b"x", b"", NO_DEADLINE))
    asyncio.run(follow())  # told of the same again
    finish(stocked, clock, root=NEW)
    asyncio.run(manager.encrypt(KeyVersion("later", 1), b"x", b"", NO_DEADLINE))


def test_a_running_server_follows_twice(stocked: Storage, safe: Safe, clock: SetClock) -> None:
    follower = SuccessionFollower(stocked, safe)
    for root, successor in ((OLD, NEW), (NEW, THIRD)):
        pass_on(stocked, clock, root, successor)
        with stocked.reading() as connection:
            changes = changes_since(connection, 0)
        asyncio.run(follower.apply(changes))
        finish(stocked, clock, root=successor)
    assert reseal(stocked, safe, HOLDER) == Resealing(8, 0, ())


def test_workers_started_meanwhile_inherit_both_keys(stocked: Storage, clock: SetClock) -> None:
    of_old_parent = unlock_safe(stocked, OLD)
    pass_on(stocked, clock)
    of_new_parent = unlock_safe(stocked, NEW)
    for key in (of_old_parent, unlock_safe(stocked, OLD), of_new_parent):
        assert reseal(stocked, inherit_safe(stocked, key), HOLDER) == Resealing(8, 0, ())
    finish(stocked, clock, root=NEW)
    assert reseal(stocked, inherit_safe(stocked, of_new_parent), HOLDER).unreadable == ()
    with pytest.raises(OperatorError, match=rf"{OLD.id}, with which this program was started, was retired"):
        inherit_safe(stocked, of_old_parent)


def test_a_change_begun_for_one_root_can_go_on_for_another(stocked: Storage, clock: SetClock) -> None:
    begin(stocked, clock, root=OLD, successor=NEW)
    pass_on(stocked, clock, OLD, THIRD)
    with pytest.raises(OperatorError, match="the root key given is"):
        open_safe(stocked, NEW)
    finish(stocked, clock, root=THIRD)
    assert_all_opens(stocked, THIRD, clock)


def test_a_root_can_succeed_itself_with_a_new_key_below_it(stocked: Storage, clock: SetClock) -> None:
    before = unlock_safe(stocked, OLD)
    assert pass_on(stocked, clock, OLD, OLD).resealed == 8
    finish(stocked, clock, root=OLD)
    assert_all_opens(stocked, OLD, clock)
    assert unlock_safe(stocked, OLD).keks != before.keks


def test_the_root_that_takes_over_must_be_the_one_in_use_before_the_other_is_retired(
    stocked: Storage, clock: SetClock
) -> None:
    with pytest.raises(NotDoneError, match=f"is kept under root key {OLD.id} alone; nothing to retire"):
        finish(stocked, clock, root=OLD)
    pass_on(stocked, clock)
    with pytest.raises(NotDoneError, match=rf"names the root key that is to be retired \({OLD.id}\)"):
        finish(stocked, clock, root=OLD)
    keeping = describe_keeping(stocked)
    assert keeping is not None
    assert (keeping.root_key_id, keeping.successor_id) == (OLD.id, NEW.id)


def test_an_altered_value_is_named_and_left_and_keeps_no_other(stocked: Storage, clock: SetClock) -> None:
    with stocked.transaction() as connection:
        connection.execute(text("UPDATE embedded_keys SET active_version = 1 WHERE key_id = 'disabled'"))
        connection.execute(text("UPDATE embedded_keys SET state = 'whatever' WHERE key_id = 'pending'"))
    result = pass_on(stocked, clock)
    assert (result.looked_at, result.resealed) == (8, 4)
    assert sum("'disabled'" in sentence for sentence in result.unreadable) == 2
    assert sum("'pending'" in sentence for sentence in result.unreadable) == 2


def test_more_rows_than_one_transaction_takes(holder_storage: Storage, safe: Safe, clock: SetClock) -> None:
    administrator = EmbeddedKeyAdministrator(holder_storage, safe, clock)
    for number in range(ROWS_AT_ONCE // 2 + 3):
        administrator.create_key(f"key-{number}", BOTH)
        administrator.rotate_key(f"key-{number}")
    assert pass_on(holder_storage, clock).resealed == ROWS_AT_ONCE + 6


@pytest.mark.parametrize("done", range(3))
def test_what_was_interrupted_goes_on(
    stocked: Storage, clock: SetClock, done: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hyok.custody.rewrapping.ROWS_AT_ONCE", 3)
    key = begin(stocked, clock, root=OLD, successor=NEW)

    def interrupt() -> Iterator[None]:
        yield from range(done)  # type: ignore[misc]  # only counted
        raise KeyboardInterrupt

    steps = interrupt()
    with pytest.raises(KeyboardInterrupt):
        reseal(stocked, Safe(key.store_id, key.keks), HOLDER, report=lambda _: next(steps))
    for root in (OLD, NEW):
        assert_all_opens(stocked, root, clock)
    pass_on(stocked, clock)
    finish(stocked, clock, root=NEW)
    assert_all_opens(stocked, NEW, clock)


@pytest.mark.sqlite_files
@pytest.mark.parametrize(
    "forge",
    [
        lambda key: SafeKey(key.store_id, (Secret(b"x" * 32),), key.root_key_id),
        lambda key: SafeKey(key.store_id, (*key.keks[::-1], Secret(b"x" * 32)), key.root_key_id),
    ],
)
def test_a_succession_that_is_not_this_safes_is_refused(
    stocked: Storage, clock: SetClock, forge: Callable[[SafeKey], SafeKey]
) -> None:
    key = begin(stocked, clock, root=OLD, successor=NEW)
    with stocked.transaction() as connection:
        connection.execute(text("UPDATE storage_succession SET kek_under_predecessor = zeroblob(61)"))
        connection.execute(text("UPDATE storage_succession SET predecessor_under_kek = zeroblob(61)"))
    with pytest.raises(IntegrityError):
        inherit_safe(stocked, forge(key))


def test_of_two_commands_at_once_one_is_told_to_look_again(
    stocked: Storage, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrap = LocalRootKey.wrap

    def wrap_while_another_begins(self: LocalRootKey, plaintext: bytes, context: bytes) -> bytes:
        monkeypatch.setattr(LocalRootKey, "wrap", wrap)
        begin(stocked, clock, root=OLD, successor=THIRD)
        return wrap(self, plaintext, context)

    monkeypatch.setattr(LocalRootKey, "wrap", wrap_while_another_begins)
    with pytest.raises(NotDoneError, match="another command has just changed under which root key"):
        begin(stocked, clock, root=OLD, successor=NEW)
    keeping = describe_keeping(stocked)
    assert keeping is not None
    assert keeping.successor_id == THIRD.id
