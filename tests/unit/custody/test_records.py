"""What is changed leaves a record in the same transaction, chained to the one before and signed by its author."""

from __future__ import annotations

import pytest

from hyok.administration.keystores import create_key_store, update_key_store
from hyok.custody.operator_keys import new_operator
from hyok.custody.records import Author, Recorder, StoredRecord, read_records
from hyok.custody.safe import Safe
from hyok.errors import NotDoneError
from hyok.storage.engine import Storage
from tests.unit.storage.fixtures import SetClock


@pytest.fixture
def alice(holder_storage: Storage, safe: Safe, clock: SetClock) -> Recorder:
    operator, _ = new_operator("alice")
    recorder = Recorder(safe, clock, Author("root", "vault-1", operator, "ticket 4711"))
    holder_storage.before_commit = recorder.note_changes
    return recorder


def records_in(storage: Storage) -> tuple[StoredRecord, ...]:
    with storage.reading() as connection:
        return read_records(connection)


def test_a_change_says_who_what_when_and_why(holder_storage: Storage, clock: SetClock, alice: Recorder) -> None:
    create_key_store(holder_storage, clock, name="main")
    record = records_in(holder_storage)[0].record
    assert (record.kind, record.subject, record.at) == ("key store", "main", "2023-11-14T22:13:20.000000+00:00")
    assert (record.user, record.host, record.operator, record.reason) == ("root", "vault-1", "alice", "ticket 4711")


def test_each_record_names_the_hash_of_the_one_before(
    holder_storage: Storage, clock: SetClock, alice: Recorder
) -> None:
    for name in ("one", "two", "three"):
        create_key_store(holder_storage, clock, name=name)
    records = records_in(holder_storage)
    assert [each.record.sequence for each in records] == [1, 2, 3]
    assert [each.record.previous for each in records] == ["", records[0].hash.hex(), records[1].hash.hex()]


def test_a_record_bears_the_signature_of_its_author_alone(
    holder_storage: Storage, clock: SetClock, alice: Recorder
) -> None:
    create_key_store(holder_storage, clock, name="main")
    record = records_in(holder_storage)[0]
    assert alice.author.operator is not None
    assert record.is_signed_by(alice.author.operator.signer.key)
    assert not record.is_signed_by(new_operator("alice")[0].signer.key)
    assert not record._replace(body=record.body.replace("main", "moon")).is_signed_by(alice.author.operator.signer.key)


def test_what_is_not_done_leaves_no_record(holder_storage: Storage, clock: SetClock, alice: Recorder) -> None:
    create_key_store(holder_storage, clock, name="main")
    with pytest.raises(NotDoneError):
        create_key_store(holder_storage, clock, name="main")
    update_key_store(holder_storage, clock, "main", lambda present: present)
    assert len(records_in(holder_storage)) == 1


def test_nothing_of_an_undone_transaction_is_recorded_by_the_next(
    holder_storage: Storage, clock: SetClock, alice: Recorder
) -> None:
    from hyok.storage.changes import ChangeKind, record_change

    def fail() -> None:
        with holder_storage.transaction() as connection:
            record_change(connection, ChangeKind.KEY_STORE, "undone", at=1.0)
            raise NotDoneError("no")

    with pytest.raises(NotDoneError):
        fail()
    create_key_store(holder_storage, clock, name="main")
    assert [each.record.subject for each in records_in(holder_storage)] == ["main"]
