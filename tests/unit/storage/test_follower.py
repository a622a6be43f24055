from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest
from sqlalchemy import text

from hyok.errors import HyokError
from hyok.storage.changes import Change, ChangeKind, record_change
from hyok.storage.engine import Storage
from hyok.storage.errors import StorageError
from hyok.storage.follower import ChangeFollower


class Receiver:
    """Notes what it is given; fails as often as it is told to."""

    def __init__(self) -> None:
        self.subjects: list[str] = []
        self.failures_left = 0
        self.has_some = asyncio.Event()

    async def apply(self, changes: Sequence[Change]) -> None:
        if self.failures_left:
            self.failures_left -= 1
            raise HyokError("cannot apply")
        self.subjects += [change.subject for change in changes]
        self.has_some.set()


class Watch:
    """A monotonic clock that is set by hand."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def write_changes(storage: Storage, *subjects: str) -> None:
    with storage.transaction() as connection:
        for subject in subjects:
            record_change(connection, ChangeKind.EMBEDDED_KEY, subject, at=1.0)


def follower_of(storage: Storage, receiver: Receiver, watch: Watch, *, position: int = 0) -> ChangeFollower:
    return ChangeFollower(storage, receiver.apply, position=position, stale_after_seconds=5, monotonic=watch)


def test_a_change_is_applied_within_a_second(holder_storage: Storage) -> None:
    receiver = Receiver()

    async def follow() -> float:
        follower = ChangeFollower(holder_storage, receiver.apply, position=0, stale_after_seconds=5)
        following = asyncio.ensure_future(follower.follow())
        await asyncio.sleep(0.05)
        written_at = time.monotonic()
        write_changes(holder_storage, "a")
        await asyncio.wait_for(receiver.has_some.wait(), 5)
        took = time.monotonic() - written_at
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        return took

    assert asyncio.run(follow()) < 1
    assert receiver.subjects == ["a"]


def test_changes_come_in_order_each_once_and_none_before_the_start(holder_storage: Storage) -> None:
    subjects = [f"key-{number}" for number in range(2500)]  # more than one batch
    write_changes(holder_storage, "before", *subjects)
    receiver = Receiver()
    follower = follower_of(holder_storage, receiver, Watch(), position=1)
    asyncio.run(follower.catch_up())
    write_changes(holder_storage, "after")
    asyncio.run(follower.catch_up())
    assert receiver.subjects == [*subjects, "after"]


def test_a_change_that_could_not_be_applied_comes_again(holder_storage: Storage) -> None:
    write_changes(holder_storage, "a")
    receiver = Receiver()
    receiver.failures_left = 1
    follower = follower_of(holder_storage, receiver, Watch())
    with pytest.raises(HyokError, match="cannot apply"):
        asyncio.run(follower.catch_up())
    asyncio.run(follower.catch_up())
    assert receiver.subjects == ["a"]


def test_the_lease_ends_while_changes_cannot_be_applied(holder_storage: Storage) -> None:
    write_changes(holder_storage, "a")
    receiver = Receiver()
    receiver.failures_left = 1
    watch = Watch()
    follower = follower_of(holder_storage, receiver, watch)
    watch.time += 5.1
    with pytest.raises(HyokError):
        asyncio.run(follower.catch_up())
    assert follower.is_stale()
    asyncio.run(follower.catch_up())
    assert not follower.is_stale()


def test_the_lease_ends_while_the_log_cannot_be_read(holder_storage: Storage) -> None:
    watch = Watch()
    follower = follower_of(holder_storage, Receiver(), watch)
    with holder_storage.transaction() as connection:
        connection.execute(text("ALTER TABLE changes RENAME TO elsewhere"))
    watch.time += 4.9
    with pytest.raises(StorageError, match=r"no such table|does not exist"):
        asyncio.run(follower.catch_up())
    assert not follower.is_stale()
    watch.time += 0.2
    assert follower.is_stale()
    assert follower.age_seconds() == pytest.approx(5.1)


def test_the_lease_counts_from_before_the_look_that_renewed_it(holder_storage: Storage) -> None:
    watch = Watch()
    write_changes(holder_storage, "a")

    async def take_long(changes: Sequence[Change]) -> None:
        watch.time += 3

    follower = ChangeFollower(holder_storage, take_long, position=0, stale_after_seconds=5, monotonic=watch)
    watch.time += 1
    asyncio.run(follower.catch_up())
    assert follower.age_seconds() == 0  # the last look began after the 3 seconds, and found nothing new


def test_following_goes_on_after_a_failure_and_says_both_once(
    holder_storage: Storage, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hyok.storage.follower.POLL_SECONDS", 0.005)
    write_changes(holder_storage, "a")
    receiver = Receiver()
    receiver.failures_left = 3

    async def follow() -> None:
        follower = ChangeFollower(holder_storage, receiver.apply, position=0, stale_after_seconds=5)
        following = asyncio.ensure_future(follower.follow())
        await receiver.has_some.wait()
        await asyncio.sleep(0.05)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)

    asyncio.run(asyncio.wait_for(follow(), 5))
    assert [record.message.split(",")[0] for record in caplog.records] == [
        "the change log cannot be followed",
        "the change log can be followed again",
    ]
