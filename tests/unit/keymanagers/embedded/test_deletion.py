from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest
from sqlalchemy import text

from hyok.clock import NO_DEADLINE
from hyok.custody.safe import Safe
from hyok.errors import NotDoneError
from hyok.keymanagers.embedded.administrator import EmbeddedKeyAdministrator
from hyok.keymanagers.embedded.disposal import KeyDisposal
from hyok.keymanagers.embedded.leasing import Leasing
from hyok.keymanagers.embedded.manager import EmbeddedKeyManager
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import KeyUsage, KeyVersion, MaterialAdministrator
from hyok.storage.changes import changes_since
from hyok.storage.engine import Storage
from tests.unit.storage.fixtures import SetClock

BOTH = frozenset(KeyUsage)
DAY = 86_400


@pytest.fixture
def administrator(holder_storage: Storage, safe: Safe, clock: SetClock) -> EmbeddedKeyAdministrator:
    administrator = EmbeddedKeyAdministrator(holder_storage, safe, clock)
    administrator.create_key("a", BOTH)
    return administrator


@pytest.fixture
def disposal(holder_storage: Storage, safe: Safe, clock: SetClock) -> KeyDisposal:
    return KeyDisposal(holder_storage, safe, clock)


def failure_of(manager: EmbeddedKeyManager, key_id: str) -> KeyManagerFailure:
    with pytest.raises(KeyManagerError) as caught:
        asyncio.run(manager.active_version(key_id, NO_DEADLINE))
    return caught.value.failure


def test_the_administrator_is_one_of_material(administrator: EmbeddedKeyAdministrator) -> None:
    assert isinstance(administrator, MaterialAdministrator)


def test_a_key_that_is_to_be_deleted_is_refused_like_a_disabled_one(
    administrator: EmbeddedKeyAdministrator, holder_storage: Storage, safe: Safe, clock: SetClock
) -> None:
    scheduled = administrator.schedule_deletion("a", waiting_days=7)
    assert not scheduled.is_enabled
    assert scheduled.deletion_at == clock.time + 7 * DAY
    assert administrator.list_keys() == (scheduled,)
    manager = EmbeddedKeyManager(holder_storage, Leasing(safe, clock))
    assert failure_of(manager, "a") is KeyManagerFailure.KEY_DISABLED
    assert not asyncio.run(manager.describe_key("a", NO_DEADLINE)).is_enabled


@pytest.mark.parametrize("change", ["rotate_key", "enable_key", "disable_key", "schedule_deletion"])
def test_a_key_that_is_to_be_deleted_is_not_changed(administrator: EmbeddedKeyAdministrator, change: str) -> None:
    scheduled = administrator.schedule_deletion("a", waiting_days=30)
    days = {"waiting_days": 7} if change == "schedule_deletion" else {}
    with pytest.raises(NotDoneError, match=r"key a is to be destroyed on 2023-12-14 22:13 UTC .* cancel its deletion"):
        getattr(administrator, change)("a", **days)
    assert administrator.show_key("a") == scheduled


@pytest.mark.parametrize("days", [-1, 0, 6, 31])
def test_a_deletion_waits_seven_to_thirty_days(administrator: EmbeddedKeyAdministrator, days: int) -> None:
    with pytest.raises(NotDoneError, match=rf"waits 7 to 30 days, not {days}"):
        administrator.schedule_deletion("a", waiting_days=days)
    assert administrator.show_key("a").is_enabled


def test_a_cancelled_deletion_leaves_a_disabled_key_that_can_be_enabled(
    administrator: EmbeddedKeyAdministrator, disposal: KeyDisposal, clock: SetClock
) -> None:
    created = administrator.show_key("a")
    administrator.schedule_deletion("a", waiting_days=7)
    assert administrator.cancel_deletion("a") == created._replace(is_enabled=False)
    clock.time += 8 * DAY
    assert asyncio.run(disposal.destroy_due()) == ()
    assert administrator.enable_key("a") == created


def test_there_is_nothing_to_cancel_without_a_deletion(administrator: EmbeddedKeyAdministrator) -> None:
    with pytest.raises(NotDoneError, match="key a is not to be deleted"):
        administrator.cancel_deletion("a")


def test_a_key_is_destroyed_on_its_date_and_not_before(
    administrator: EmbeddedKeyAdministrator,
    disposal: KeyDisposal,
    holder_storage: Storage,
    safe: Safe,
    clock: SetClock,
) -> None:
    administrator.create_key("b", BOTH)
    administrator.schedule_deletion("a", waiting_days=7)
    manager = EmbeddedKeyManager(holder_storage, Leasing(safe, clock))
    clock.time += 7 * DAY - 1
    assert asyncio.run(disposal.destroy_due()) == ()
    clock.time += 1
    assert asyncio.run(disposal.destroy_due()) == ("a",)
    assert asyncio.run(disposal.destroy_due()) == ()
    with holder_storage.reading() as connection:
        changes = changes_since(connection, 0)
    asyncio.run(manager.apply(changes))
    for each in (manager, EmbeddedKeyManager(holder_storage, Leasing(safe, clock))):
        assert failure_of(each, "a") is KeyManagerFailure.KEY_NOT_FOUND
        asyncio.run(each.encrypt(KeyVersion("b", 1), b"x", b"", NO_DEADLINE))
    assert [key.key_id for key in administrator.list_keys()] == ["b"]


def test_the_id_of_a_destroyed_key_never_stands_for_other_material(
    administrator: EmbeddedKeyAdministrator, disposal: KeyDisposal, clock: SetClock
) -> None:
    administrator.schedule_deletion("a", waiting_days=7)
    clock.time += 7 * DAY
    asyncio.run(disposal.destroy_due())
    with pytest.raises(NotDoneError, match="key a was destroyed, and its id never stands for other material"):
        administrator.create_key("a", BOTH)
    for change in (administrator.show_key, administrator.enable_key, administrator.cancel_deletion):
        with pytest.raises(NotDoneError, match="key a was destroyed: its deletion was due on 2023-11-21"):
            change("a")


@pytest.mark.sqlite_files
def test_destroyed_material_is_in_no_file(
    administrator: EmbeddedKeyAdministrator, disposal: KeyDisposal, holder_storage: Storage, clock: SetClock
) -> None:
    administrator.schedule_deletion("a", waiting_days=7)
    with holder_storage.reading() as connection:
        sealed = connection.scalar(text("SELECT sealed_material FROM embedded_key_versions"))
    assert isinstance(sealed, bytes)
    files = [Path(holder_storage.location + suffix) for suffix in ("", "-wal")]
    assert any(sealed in file.read_bytes() for file in files)
    clock.time += 7 * DAY
    asyncio.run(disposal.destroy_due())
    assert not any(sealed in file.read_bytes() for file in files)


@pytest.mark.parametrize(
    "edit", ["deletion_at = 1.0", "deletion_at = 1.0, active_version = 2", "deletion_at = 1.0, usages = 'whatever'"]
)
def test_a_date_edited_behind_hyoks_back_destroys_nothing_and_keeps_no_other_key(
    administrator: EmbeddedKeyAdministrator,
    disposal: KeyDisposal,
    holder_storage: Storage,
    clock: SetClock,
    caplog: pytest.LogCaptureFixture,
    edit: str,
) -> None:
    administrator.create_key("b", BOTH)
    for key_id in ("a", "b"):
        administrator.schedule_deletion(key_id, waiting_days=7)
    with holder_storage.transaction() as connection:
        connection.execute(text(f"UPDATE embedded_keys SET {edit} WHERE key_id = 'a'"))  # noqa: S608  # the test's own words
    clock.time += 7 * DAY
    with caplog.at_level(logging.ERROR):
        assert asyncio.run(disposal.destroy_due()) == ("b",)
        assert asyncio.run(disposal.destroy_due()) == ()
    assert caplog.text.count("key a is due but is not destroyed, because its row was altered") == 1
    with holder_storage.reading() as connection:
        assert connection.scalar(text("SELECT count(*) FROM embedded_key_versions WHERE key_id = 'a'")) == 1


def test_a_cancelled_deletion_edited_into_the_row_is_noticed(
    administrator: EmbeddedKeyAdministrator, holder_storage: Storage, safe: Safe, clock: SetClock
) -> None:
    administrator.schedule_deletion("a", waiting_days=7)
    with holder_storage.transaction() as connection:
        connection.execute(text("UPDATE embedded_keys SET state = 'enabled', deletion_at = NULL"))
    manager = EmbeddedKeyManager(holder_storage, Leasing(safe, clock))
    with pytest.raises(KeyManagerError, match="does not open"):
        asyncio.run(manager.encrypt(KeyVersion("a", 1), b"x", b"", NO_DEADLINE))
