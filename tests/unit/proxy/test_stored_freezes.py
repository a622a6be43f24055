"""A server keeps what is frozen as the rulings have it, and lets nothing go without an unfreeze that counts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy import delete

from hyok.custody.rulings import Judge, Scope, ScopeKind
from hyok.custody.safe import Safe
from hyok.proxy.stored_freezes import StoredFreezes
from hyok.storage.changes import Change, changes_since
from hyok.storage.engine import Storage
from hyok.storage.schema import administrative_records
from hyok.xks.errors import XksError
from hyok.xks.messages import RequestMetadata
from tests.unit.custody.rulers import Rulers
from tests.unit.storage.fixtures import SetClock, clock, holder_storage, holder_url, safe

__all__ = ["clock", "holder_storage", "holder_url", "safe"]
MAIN = Scope(ScopeKind.KEY_STORE, "main")


class Server:
    """A server's memory of what is frozen."""

    def __init__(self, storage: Storage, safe: Safe) -> None:
        self._storage = storage
        self.forgotten = 0
        self._stored = StoredFreezes(storage, Judge(safe, {}), forget_keys=self._forget)
        self._position = 0
        self.catch_up()

    def catch_up(self) -> None:
        with self._storage.reading() as connection:
            changes: Sequence[Change] = changes_since(connection, self._position)
        if changes:
            self._position = changes[-1].position
            asyncio.run(self._stored.apply(changes))

    def serves(self, key_store: str = "main") -> bool:
        current = self._stored.freezes.current
        try:
            if current is not None:
                current.refuse(key_store, "key", RequestMetadata("Encrypt", "id", "arn:aws:iam::1:user/A"))
        except XksError:
            return False
        return True

    def _forget(self) -> None:
        self.forgotten += 1


@pytest.fixture
def rulers(holder_storage: Storage, safe: Safe, clock: SetClock) -> Rulers:
    return Rulers(holder_storage, safe, clock)


def remove_all(storage: Storage) -> None:
    with storage.transaction() as connection:
        connection.execute(delete(administrative_records))


def test_a_freeze_is_obeyed_when_it_comes_and_after_a_start(rulers: Rulers, safe: Safe) -> None:
    server = Server(rulers.storage, safe)
    assert server.serves()
    rulers.freeze(MAIN)
    server.catch_up()
    assert not server.serves()
    assert server.serves("other")
    assert not Server(rulers.storage, safe).serves()


def test_keys_that_lie_open_in_memory_are_dropped(rulers: Rulers, safe: Safe) -> None:
    server = Server(rulers.storage, safe)
    before = server.forgotten
    rulers.freeze(MAIN)
    server.catch_up()
    assert (before, server.forgotten) == (0, 1)


def test_an_unfreeze_is_obeyed(rulers: Rulers, safe: Safe) -> None:
    alice = rulers.add("alice")
    freeze = rulers.freeze(MAIN)
    server = Server(rulers.storage, safe)
    rulers.unfreeze(freeze)
    server.catch_up()
    assert not server.serves()
    rulers.unfreeze(freeze, by=alice)
    server.catch_up()
    assert server.serves()


def test_a_freeze_whose_row_vanishes_is_obeyed_on(rulers: Rulers, safe: Safe, caplog: pytest.LogCaptureFixture) -> None:
    rulers.freeze(MAIN)
    server = Server(rulers.storage, safe)
    remove_all(rulers.storage)
    rulers.freeze(Scope(ScopeKind.KEY_STORE, "other"))
    server.catch_up()
    assert not server.serves()
    assert "vanished from the records, but nobody lifted it" in caplog.text


def test_rulings_that_were_altered_freeze_everything_until_they_are_restored(rulers: Rulers, safe: Safe) -> None:
    freeze = rulers.freeze(MAIN)
    with rulers.storage.reading() as connection:
        row = connection.execute(administrative_records.select()).one()
    rulers.alter(freeze, body=row.body.replace("main", "moon"))
    assert not Server(rulers.storage, safe).serves("other")
    rulers.alter(freeze, body="{}")
    assert not Server(rulers.storage, safe).serves("other")
    rulers.alter(freeze, body=row.body)
    assert Server(rulers.storage, safe).serves("other")


def test_a_history_that_a_running_server_finds_altered_freezes_everything(rulers: Rulers, safe: Safe) -> None:
    freeze = rulers.freeze(MAIN)
    server = Server(rulers.storage, safe)
    rulers.alter(freeze, hash=bytes(32))
    rulers.freeze(Scope(ScopeKind.KEY_STORE, "other"))
    server.catch_up()
    assert not server.serves("third")
