"""Keys outside the storage: what is done to them is recorded before, and again if it fails."""

from __future__ import annotations

import pytest

from hyok.assembly.recording import RecordingAdministrator
from hyok.custody.records import Author, Recorder, read_records
from hyok.custody.safe import Safe
from hyok.errors import NotDoneError
from hyok.keymanagers.embedded.administrator import EmbeddedKeyAdministrator
from hyok.keymanagers.interface import KeyUsage
from hyok.storage.engine import Storage
from tests.unit.storage.fixtures import SetClock, clock, holder_storage, holder_url, safe

__all__ = ["clock", "holder_storage", "holder_url", "safe"]


@pytest.fixture
def administrator(holder_storage: Storage, safe: Safe, clock: SetClock) -> RecordingAdministrator:
    inner = EmbeddedKeyAdministrator(holder_storage, safe, clock)
    recorder = Recorder(safe, clock, Author("root", "host"))
    return RecordingAdministrator(inner, holder_storage, recorder, name="hsm")


def acts_in(storage: Storage) -> list[tuple[str, str]]:
    with storage.reading() as connection:
        return [(each.record.act, each.record.subject) for each in read_records(connection)]


def test_each_change_is_recorded(holder_storage: Storage, administrator: RecordingAdministrator) -> None:
    administrator.create_key("key", frozenset(KeyUsage))
    administrator.rotate_key("key")
    administrator.disable_key("key")
    administrator.enable_key("key")
    assert [each.key_id for each in administrator.list_keys()] == ["key"]
    assert administrator.show_key("key").active_version == 2
    assert acts_in(holder_storage) == [
        ("create", "hsm:key"),
        ("rotate", "hsm:key"),
        ("disable", "hsm:key"),
        ("enable", "hsm:key"),
    ]


def test_a_change_that_fails_is_recorded_as_one(holder_storage: Storage, administrator: RecordingAdministrator) -> None:
    with pytest.raises(NotDoneError):
        administrator.rotate_key("missing")
    assert acts_in(holder_storage) == [("rotate", "hsm:missing"), ("not rotate", "hsm:missing")]
