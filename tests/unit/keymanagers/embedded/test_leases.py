from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import text

from hyok.clock import NO_DEADLINE, deadline_in
from hyok.custody.safe import Safe
from hyok.keymanagers.embedded.administrator import EmbeddedKeyAdministrator
from hyok.keymanagers.embedded.leasing import Leasing
from hyok.keymanagers.embedded.manager import EmbeddedKeyManager
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import KeyUsage, KeyVersion
from hyok.storage.changes import changes_since
from hyok.storage.engine import Storage
from hyok.storage.errors import StorageError
from tests.unit.storage.fixtures import SetClock

BOTH = frozenset(KeyUsage)
BLOCK = 8
LIMIT = 2**32
FIRST = KeyVersion("a", 1)


@pytest.fixture
def administrator(holder_storage: Storage, safe: Safe, clock: SetClock) -> EmbeddedKeyAdministrator:
    administrator = EmbeddedKeyAdministrator(holder_storage, safe, clock)
    administrator.create_key("a", BOTH)
    return administrator


@pytest.fixture
def leasing(safe: Safe, clock: SetClock) -> Leasing:
    return Leasing(safe, clock, block=BLOCK)


class Server:
    """One process's manager, and what it reads of the storage."""

    def __init__(self, storage: Storage, leasing: Leasing) -> None:
        self.storage = storage
        self.manager = EmbeddedKeyManager(storage, leasing)

    async def encrypt(self, times: int, key_id: str = "a") -> KeyVersion:
        for _ in range(times):
            version = await self.manager.active_version(key_id, NO_DEADLINE)
            await self.manager.encrypt(version, b"x", b"", NO_DEADLINE)
        return version

    async def follow(self) -> None:
        changes = await self.storage.read(lambda connection: changes_since(connection, 0))
        await self.manager.apply(changes)


def given_out(storage: Storage, number: int = 1, key_id: str = "a") -> int:
    with storage.reading() as connection:
        count = connection.scalar(
            text("SELECT encryptions_leased FROM embedded_key_versions WHERE key_id = :key AND number = :number"),
            {"key": key_id, "number": number},
        )
    assert isinstance(count, int)
    return count


def give_out(storage: Storage, leasing: Leasing, count: int) -> None:
    """Bring the count of a new key to this, as many blocks would."""
    with storage.transaction() as connection:
        outcome = leasing._replace(block=count).grant(connection, [FIRST])
    assert not isinstance(outcome[FIRST], KeyManagerError)


def serve(storage: Storage, leasing: Leasing, work: Callable[[Server], Awaitable[Any]]) -> None:
    async def run() -> None:
        server = Server(storage, leasing)
        await work(server)
        await server.manager.aclose()

    asyncio.run(run())


def test_what_is_used_was_given_out_before(
    holder_storage: Storage, administrator: EmbeddedKeyAdministrator, leasing: Leasing
) -> None:
    async def work(server: Server) -> None:
        for used in range(1, 4 * BLOCK):
            await server.encrypt(1)
            assert given_out(holder_storage) >= used

    serve(holder_storage, leasing, work)


def test_a_process_that_ends_leaves_its_block_counted_as_used(
    holder_storage: Storage, administrator: EmbeddedKeyAdministrator, leasing: Leasing
) -> None:
    for started in range(1, 4):
        serve(holder_storage, leasing, lambda server: server.encrypt(1))
        assert given_out(holder_storage) == started * BLOCK


def test_the_next_block_is_there_before_it_is_needed(
    holder_storage: Storage, administrator: EmbeddedKeyAdministrator, leasing: Leasing
) -> None:
    async def work(server: Server) -> None:
        version = await server.encrypt(BLOCK - BLOCK // 4 + 1)  # the last of these asks for more
        for _ in range(100):
            await asyncio.sleep(0.01)
            if given_out(holder_storage) == 2 * BLOCK:
                break
        call = server.manager.encrypt(version, b"x", b"", NO_DEADLINE)
        for _ in range(BLOCK):
            with pytest.raises(StopIteration):
                server.manager.encrypt(version, b"x", b"", NO_DEADLINE).send(None)
        call.close()

    serve(holder_storage, leasing, work)


def test_versions_that_need_a_block_at_once_get_it_in_two_transactions_at_most(
    holder_storage: Storage, administrator: EmbeddedKeyAdministrator, leasing: Leasing, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_ids = [f"key-{number}" for number in range(50)]
    for key_id in key_ids:
        administrator.create_key(key_id, BOTH)
    transactions = 0
    run = Storage.run

    async def counting(self: Storage, work: Any) -> Any:
        nonlocal transactions
        transactions += 1
        return await run(self, work)

    monkeypatch.setattr(Storage, "run", counting)

    async def work(server: Server) -> None:
        await asyncio.gather(*(server.encrypt(1, key_id) for key_id in key_ids))

    serve(holder_storage, leasing, work)
    assert 1 <= transactions <= 2
    assert {given_out(holder_storage, key_id=key_id) for key_id in key_ids} == {BLOCK}


def test_without_a_lease_nothing_is_encrypted_but_all_decrypts(
    holder_storage: Storage,
    administrator: EmbeddedKeyAdministrator,
    leasing: Leasing,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def work(server: Server) -> None:
        version = await server.manager.active_version("a", NO_DEADLINE)
        sealed = await server.manager.encrypt(version, b"x", b"", NO_DEADLINE)
        run = Storage.run

        async def fail(_self: Storage, _work: Any) -> Any:
            raise StorageError("the disk is full")

        monkeypatch.setattr(Storage, "run", fail)
        await server.encrypt(BLOCK - 1)
        for _ in range(2):
            with pytest.raises(KeyManagerError, match="encryptions cannot be counted: the disk is full") as caught:
                await server.encrypt(1)
            assert caught.value.failure is KeyManagerFailure.UNAVAILABLE
        assert await server.manager.decrypt(version, sealed, b"", NO_DEADLINE) == b"x"
        monkeypatch.setattr(Storage, "run", run)
        await server.encrypt(1)

    serve(holder_storage, leasing, work)


def test_a_lease_that_does_not_come_ends_with_the_deadline(
    holder_storage: Storage,
    administrator: EmbeddedKeyAdministrator,
    leasing: Leasing,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def never(_self: Storage, _work: Any) -> Any:
        await asyncio.sleep(60)

    monkeypatch.setattr(Storage, "run", never)

    async def work(server: Server) -> None:
        with pytest.raises(KeyManagerError) as caught:
            await server.manager.encrypt(KeyVersion("a", 1), b"x", b"", deadline_in(0.05))
        assert caught.value.failure is KeyManagerFailure.TIMED_OUT

    serve(holder_storage, leasing, work)


def test_a_key_is_rotated_when_it_has_given_out_so_many(
    holder_storage: Storage,
    administrator: EmbeddedKeyAdministrator,
    leasing: Leasing,
    caplog: pytest.LogCaptureFixture,
) -> None:
    give_out(holder_storage, leasing, 92)

    async def work(server: Server) -> None:
        assert (
            await server.encrypt(1)
        ).number == 1  # this block reaches 100: the version is still known as the active one
        await server.follow()
        assert (await server.encrypt(BLOCK)).number == 2

    serve(holder_storage, leasing._replace(rotate_after=100), work)
    key = administrator.show_key("a")
    assert (key.active_version, key.version_count) == (2, 2)
    assert given_out(holder_storage) == 100
    assert "key a is rotated: version 1 has given out 100 encryptions, version 2 encrypts from now on" in caplog.text


def test_of_two_processes_only_one_rotates(
    holder_storage: Storage, administrator: EmbeddedKeyAdministrator, leasing: Leasing
) -> None:
    async def run() -> None:
        rotating = leasing._replace(rotate_after=BLOCK)
        servers = [Server(holder_storage, rotating) for _ in range(2)]
        for server in servers:
            await server.encrypt(1)
            await server.manager.aclose()

    asyncio.run(run())
    assert administrator.show_key("a").active_version == 2
    assert given_out(holder_storage) == 2 * BLOCK


def test_a_version_never_gives_out_more_than_the_maximum(
    holder_storage: Storage, administrator: EmbeddedKeyAdministrator, leasing: Leasing
) -> None:
    patient = leasing._replace(rotate_after=LIMIT + 1)
    give_out(holder_storage, patient, LIMIT - BLOCK)

    async def work(server: Server) -> None:
        await server.encrypt(BLOCK)
        with pytest.raises(KeyManagerError, match="has encrypted as often as it may; rotate the key"):
            await server.encrypt(1)

    serve(holder_storage, patient, work)
    assert given_out(holder_storage) == LIMIT
    administrator.rotate_key("a")
    serve(holder_storage, patient, lambda server: server.encrypt(1))


def test_a_count_set_back_behind_hyoks_back_is_noticed(
    holder_storage: Storage, administrator: EmbeddedKeyAdministrator, leasing: Leasing
) -> None:
    give_out(holder_storage, leasing, 2 * BLOCK)
    with holder_storage.transaction() as connection:
        connection.execute(text("UPDATE embedded_key_versions SET encryptions_leased = 0"))

    async def work(server: Server) -> None:
        with pytest.raises(KeyManagerError, match="does not open"):
            await server.encrypt(1)

    serve(holder_storage, leasing, work)


def test_one_altered_key_keeps_no_other_from_its_lease(
    holder_storage: Storage, administrator: EmbeddedKeyAdministrator, leasing: Leasing
) -> None:
    administrator.create_key("b", BOTH)

    async def work(server: Server) -> None:
        with holder_storage.transaction() as connection:
            connection.execute(text("UPDATE embedded_key_versions SET encryptions_leased = 7 WHERE key_id = 'a'"))
        outcomes = await asyncio.gather(server.encrypt(1, "a"), server.encrypt(1, "b"), return_exceptions=True)
        assert isinstance(outcomes[0], KeyManagerError)
        assert outcomes[1] == KeyVersion("b", 1)

    serve(holder_storage, leasing, work)


def test_a_key_disabled_meanwhile_gets_no_block(
    holder_storage: Storage, administrator: EmbeddedKeyAdministrator, leasing: Leasing
) -> None:
    async def work(server: Server) -> None:
        administrator.disable_key("a")  # not yet applied by the server
        with pytest.raises(KeyManagerError) as caught:
            await server.encrypt(1)
        assert caught.value.failure is KeyManagerFailure.KEY_DISABLED

    serve(holder_storage, leasing, work)
    assert given_out(holder_storage) == 0


def test_the_count_survives_rotation_and_states(
    holder_storage: Storage, administrator: EmbeddedKeyAdministrator, leasing: Leasing
) -> None:
    give_out(holder_storage, leasing, 3 * BLOCK)
    administrator.rotate_key("a")
    administrator.disable_key("a")
    administrator.enable_key("a")
    assert (given_out(holder_storage), given_out(holder_storage, 2)) == (3 * BLOCK, 0)
    serve(holder_storage, leasing, lambda server: server.encrypt(1))


def test_the_most_used_key_tells_its_share(
    holder_storage: Storage, administrator: EmbeddedKeyAdministrator, leasing: Leasing, caplog: pytest.LogCaptureFixture
) -> None:
    administrator.create_key("b", BOTH)
    give_out(holder_storage, leasing, 2**30 - BLOCK)
    caplog.set_level(logging.INFO)

    async def work(server: Server) -> None:
        assert server.manager.most_used_share() == 0
        await server.encrypt(1, "b")
        await server.encrypt(1, "a")
        assert server.manager.most_used_share() == 0.25
        administrator.rotate_key("a")
        await server.follow()
        await server.encrypt(1, "a")
        assert server.manager.most_used_share() == BLOCK / LIMIT

    serve(holder_storage, leasing, work)


def encrypts_without_waiting(manager: EmbeddedKeyManager, version: KeyVersion) -> bool:
    work = manager.encrypt(version, b"x", b"", NO_DEADLINE)
    try:
        work.send(None)
    except StopIteration:
        return True
    work.close()
    return False


def test_after_the_start_the_most_used_keys_do_not_wait_for_their_lease(
    holder_storage: Storage, leasing: Leasing, administrator: EmbeddedKeyAdministrator
) -> None:
    administrator.create_key("b", BOTH)
    administrator.disable_key("b")
    manager = EmbeddedKeyManager(holder_storage, leasing)
    manager.lease_ahead()
    assert given_out(holder_storage) == BLOCK
    assert given_out(holder_storage, key_id="b") == 0
    assert encrypts_without_waiting(manager, FIRST)


def test_a_key_that_is_made_or_rotated_while_a_server_runs_has_its_lease_before_it_is_used(
    holder_storage: Storage, leasing: Leasing, administrator: EmbeddedKeyAdministrator
) -> None:
    async def scenario() -> None:
        server = Server(holder_storage, leasing)
        await server.encrypt(1)
        administrator.rotate_key("a")
        administrator.create_key("b", BOTH)
        await server.follow()
        for key_id, number in (("a", 2), ("b", 1)):
            version = await server.manager.active_version(key_id, NO_DEADLINE)
            assert version.number == number
            assert encrypts_without_waiting(server.manager, version)
        await server.manager.aclose()

    asyncio.run(scenario())


def test_a_key_that_is_disabled_does_not_wait_for_the_lease_of_another(
    holder_storage: Storage, leasing: Leasing, administrator: EmbeddedKeyAdministrator
) -> None:
    async def scenario() -> None:
        administrator.create_key("b", BOTH)
        server = Server(holder_storage, leasing)
        await server.encrypt(1)
        await server.encrypt(1, "b")
        administrator.rotate_key("a")
        administrator.disable_key("b")
        changes = await holder_storage.read(lambda connection: changes_since(connection, 0))
        with holder_storage.transaction():  # nobody gets a lease meanwhile
            applying = asyncio.create_task(server.manager.apply(changes))
            await asyncio.sleep(0.1)
            assert not applying.done()
            with pytest.raises(KeyManagerError) as refused:
                await server.manager.active_version("b", NO_DEADLINE)
            assert refused.value.failure is KeyManagerFailure.KEY_DISABLED
            assert (await server.manager.active_version("a", NO_DEADLINE)).number == 1
        await applying
        assert (await server.manager.active_version("a", NO_DEADLINE)).number == 2
        await server.manager.aclose()

    asyncio.run(scenario())


def test_a_start_on_a_full_disk_leases_nothing_ahead_and_decrypts(
    holder_storage: Storage,
    leasing: Leasing,
    administrator: EmbeddedKeyAdministrator,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(_self: Storage) -> Any:
        raise StorageError("the disk is full")

    manager = EmbeddedKeyManager(holder_storage, leasing)
    monkeypatch.setattr(Storage, "transaction", fail)
    manager.lease_ahead()
    assert "no encryptions are leased ahead: the disk is full" in caplog.text
