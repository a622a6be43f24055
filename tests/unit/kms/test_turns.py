from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from hyok.kms.turns import Turns
from hyok.storage.changes import Change, ChangeKind, changes_since, record_change
from hyok.storage.engine import Storage, open_storage
from hyok.storage.errors import StorageError
from hyok.storage.schema import Side
from tests.storages import storage_url


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    opened = open_storage(storage_url(tmp_path / "kms.db", Side.KMS), Side.KMS)
    yield opened
    opened.close()


def test_writes_come_one_after_another(storage: Storage) -> None:
    steps: list[str] = []

    async def write(name: str) -> None:
        steps.append(f"{name} begins")
        await asyncio.sleep(0)
        steps.append(f"{name} ends")

    async def both() -> None:
        turns = Turns(storage, position=0)
        await asyncio.gather(turns.take(partial(write, "one")), turns.take(partial(write, "two")))

    asyncio.run(both())
    assert steps == ["one begins", "one ends", "two begins", "two ends"]


def test_a_caller_who_goes_away_does_not_stop_a_write(storage: Storage) -> None:
    ended: list[bool] = []

    async def write() -> None:
        await asyncio.sleep(0.01)
        ended.append(True)

    async def leave() -> None:
        turns = Turns(storage, position=0)
        caller = asyncio.ensure_future(turns.take(write))
        await asyncio.sleep(0)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        await turns.take(partial(asyncio.sleep, 0))

    asyncio.run(leave())
    assert ended == [True]


def test_a_write_that_fails_lets_the_next_one_come(storage: Storage) -> None:
    async def fail() -> None:
        raise ValueError("no")

    async def next_one() -> str:
        return "next"

    async def both() -> str:
        turns = Turns(storage, position=0)
        with pytest.raises(ValueError, match="no"):
            await turns.take(fail)
        return await turns.take(next_one)

    assert asyncio.run(both()) == "next"


def another_process_writes(storage: Storage, subject: str) -> None:
    with storage.transaction() as connection:
        record_change(connection, ChangeKind.KEY, subject, at=1.0)


def subjects(storage: Storage) -> list[str]:
    with storage.reading() as connection:
        return [change.subject for change in changes_since(connection, 0)]


def test_a_write_is_decided_anew_when_another_process_was_faster(storage: Storage) -> None:
    memory: list[str] = []

    async def remember(changes: Sequence[Change]) -> None:
        memory.extend(change.subject for change in changes)

    async def write(turns: Turns) -> str:
        decided_by = list(memory)
        await turns.store(lambda connection: record_change(connection, ChangeKind.KEY, "ours", at=1.0))
        return " ".join(decided_by)

    async def race() -> str:
        turns = Turns(storage, position=0)
        turns.tell(remember)
        another_process_writes(storage, "theirs")
        return await turns.take(partial(write, turns))

    assert asyncio.run(race()) == "theirs"
    assert subjects(storage) == ["theirs", "ours"]


def test_a_change_is_taken_in_once_and_not_ones_own(storage: Storage) -> None:
    memory: list[str] = []

    async def remember(changes: Sequence[Change]) -> None:
        memory.extend(change.subject for change in changes)

    async def write_and_follow() -> None:
        turns = Turns(storage, position=0)
        turns.tell(remember)
        await turns.take(
            lambda: turns.store(lambda connection: record_change(connection, ChangeKind.KEY, "ours", at=1.0))
        )
        another_process_writes(storage, "theirs")
        for _ in range(2):
            with storage.reading() as connection:
                await turns.apply(changes_since(connection, 0))

    asyncio.run(write_and_follow())
    assert memory == ["theirs"]


def test_a_write_that_others_always_overtake_is_given_up_unwritten(storage: Storage) -> None:
    async def write(turns: Turns) -> None:
        another_process_writes(storage, "theirs")
        await turns.store(lambda connection: record_change(connection, ChangeKind.KEY, "ours", at=1.0))

    async def race() -> None:
        turns = Turns(storage, position=0)
        await turns.take(partial(write, turns))

    with pytest.raises(StorageError, match="the write was not made"):
        asyncio.run(race())
    assert "ours" not in subjects(storage)
