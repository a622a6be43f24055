"""What servers obey: everybody's freeze, and nobody's unfreeze but an operator's."""

from __future__ import annotations

import pytest
from sqlalchemy import delete

from hyok.custody.operator_keys import new_operator
from hyok.custody.records import Operator
from hyok.custody.root_key import LocalRootKey
from hyok.custody.rulings import Act, Scope, ScopeKind
from hyok.custody.safe import Safe, open_safe
from hyok.secret import Secret
from hyok.storage.engine import Storage, open_storage
from hyok.storage.schema import Side, administrative_records
from tests.unit.custody.rulers import Rulers
from tests.unit.storage.fixtures import SetClock

MAIN = Scope(ScopeKind.KEY_STORE, "main")


@pytest.fixture
def rulers(holder_storage: Storage, safe: Safe, clock: SetClock) -> Rulers:
    return Rulers(holder_storage, safe, clock)


def test_without_operators_everybody_freezes_and_unfreezes(rulers: Rulers) -> None:
    freeze = rulers.freeze(MAIN)
    assert [each.scope for each in rulers.judge().freezes.values()] == [MAIN]
    rulers.unfreeze(freeze)
    assert not rulers.judge().freezes
    assert len(rulers.judge().lifted) == 1


def test_with_an_operator_an_unsigned_unfreeze_changes_nothing(rulers: Rulers) -> None:
    alice = rulers.add("alice")
    freeze = rulers.freeze(MAIN)
    rulers.unfreeze(freeze)
    assert rulers.judge().freezes
    rulers.unfreeze(freeze, by=alice)
    assert not rulers.judge().freezes


def test_a_stranger_who_takes_an_operators_name_unfreezes_nothing(rulers: Rulers) -> None:
    rulers.add("alice")
    freeze = rulers.freeze(MAIN)
    stranger, _ = new_operator("alice")
    rulers.unfreeze(freeze, by=stranger)
    assert rulers.judge().freezes


def test_a_freeze_needs_no_operator(rulers: Rulers) -> None:
    rulers.add("alice")
    stranger, _ = new_operator("mallory")
    rulers.freeze(MAIN)
    rulers.freeze(Scope(ScopeKind.EVERYTHING), by=stranger)
    assert len(rulers.judge().freezes) == 2


def test_only_an_operator_makes_a_further_operator(rulers: Rulers) -> None:
    alice = rulers.add("alice")
    rulers.add("mallory")
    rulers.add("bob", by=alice)
    assert list(rulers.judge().operators) == ["alice", "bob"]


def test_only_an_operator_removes_one_and_what_was_signed_stays(rulers: Rulers) -> None:
    alice = rulers.add("alice")
    bob = rulers.add("bob", by=alice)
    first, second = rulers.freeze(MAIN), rulers.freeze(MAIN)
    rulers.unfreeze(first, by=bob)
    rulers.remove("alice")
    assert list(rulers.judge().operators) == ["alice", "bob"]
    rulers.remove("bob", by=alice)
    rulers.unfreeze(second, by=bob)
    standing = rulers.judge()
    assert list(standing.operators) == ["alice"]
    assert list(standing.freezes) == [second.sequence]


def test_the_last_operator_stays(rulers: Rulers) -> None:
    alice = rulers.add("alice")
    rulers.remove("alice", by=alice)
    assert list(rulers.judge().operators) == ["alice"]


def test_one_key_is_no_second_operator(rulers: Rulers) -> None:
    alice = rulers.add("alice")
    rulers.rule(Act.ADD_OPERATOR, "alicia", {"public_key": str(alice.signer.key)}, by=alice)
    assert list(rulers.judge().operators) == ["alice"]


def make_two(rulers: Rulers) -> tuple[Operator, Operator]:
    """Make two operators, who both have to sign from then on."""
    alice = rulers.add("alice")
    bob = rulers.add("bob", by=alice)
    rulers.require(2, by=alice)
    return alice, bob


def test_two_persons_unfreeze_where_two_have_to(rulers: Rulers) -> None:
    alice, bob = make_two(rulers)
    freeze = rulers.freeze(MAIN)
    unfreeze = rulers.unfreeze(freeze, by=alice)
    rulers.confirm(unfreeze, by=alice)
    rulers.unfreeze(freeze, by=alice)
    assert rulers.judge().freezes
    assert rulers.judge().pending[unfreeze.sequence].signers == {"alice"}
    rulers.confirm(unfreeze, by=bob)
    assert not rulers.judge().freezes


def test_what_one_unfroze_before_two_had_to_stays_unfrozen(rulers: Rulers) -> None:
    rulers.unfreeze(rulers.freeze(MAIN))
    alice = rulers.add("alice")
    rulers.unfreeze(rulers.freeze(MAIN), by=alice)
    bob = rulers.add("bob", by=alice)
    rulers.require(2, by=bob)
    assert not rulers.judge().freezes
    assert not rulers.judge({"carol": new_operator("carol")[0].signer.key}).freezes


def test_one_of_two_persons_makes_no_third_of_their_own(rulers: Rulers) -> None:
    alice, bob = make_two(rulers)
    rulers.add("puppet", by=alice)
    rulers.remove("bob", by=alice)
    rulers.require(1, by=alice)
    standing = rulers.judge()
    assert list(standing.operators) == ["alice", "bob"]
    assert (len(standing.pending), standing.required) == (3, 2)
    rulers.confirm(standing.pending[min(standing.pending)].record, by=bob)
    assert list(rulers.judge().operators) == ["alice", "bob", "puppet"]


def test_two_persons_let_one_do_again(rulers: Rulers) -> None:
    alice, bob = make_two(rulers)
    rulers.confirm(rulers.require(1, by=alice), by=bob)
    rulers.unfreeze(rulers.freeze(MAIN), by=bob)
    assert not rulers.judge().freezes


def test_no_more_have_to_sign_than_there_are(rulers: Rulers) -> None:
    alice = rulers.add("alice")
    rulers.require(2, by=alice)
    assert rulers.judge().required == 1
    bob = rulers.add("bob", by=alice)
    rulers.require(2, by=alice)
    rulers.confirm(rulers.remove("bob", by=alice), by=bob)
    assert list(rulers.judge().operators) == ["alice", "bob"]


def test_a_signature_of_somebody_removed_meanwhile_does_not_count_for_a_confirmation(rulers: Rulers) -> None:
    alice, bob = make_two(rulers)
    carol = rulers.add("carol", by=alice)
    rulers.confirm(rulers.judge().pending[4].record, by=bob)
    unfreeze = rulers.unfreeze(rulers.freeze(MAIN), by=alice)
    rulers.confirm(rulers.remove("alice", by=bob), by=carol)
    rulers.confirm(unfreeze, by=bob)
    assert list(rulers.judge().operators) == ["bob", "carol"]
    assert rulers.judge().freezes


def test_an_operator_whom_the_machine_trusts_is_the_only_first_one(rulers: Rulers) -> None:
    trusted, _ = new_operator("root-of-trust")
    rulers.add("mallory")
    rulers.add("alice", by=trusted)
    assert list(rulers.judge({"root-of-trust": trusted.signer.key}).operators) == ["root-of-trust", "alice"]
    assert list(rulers.judge().operators) == ["mallory"]


def test_the_first_operator_may_be_the_one_whom_the_machine_trusts(rulers: Rulers) -> None:
    alice = rulers.add("alice")
    standing = rulers.judge({"alice": alice.signer.key})
    assert (list(standing.operators), standing.has_operators) == (["alice"], True)


def test_one_whom_the_machine_trusts_stands_in_for_a_lost_key(rulers: Rulers) -> None:
    alice, _ = make_two(rulers)
    spare, _ = new_operator("spare")
    unfreeze = rulers.unfreeze(rulers.freeze(MAIN), by=alice)
    rulers.confirm(unfreeze, by=spare)
    assert rulers.judge().freezes
    assert not rulers.judge({"spare": spare.signer.key}).freezes


@pytest.mark.parametrize("column", ["body", "signature", "hash", "sealed_mark"])
def test_an_altered_row_is_a_fault(rulers: Rulers, column: str) -> None:
    alice = rulers.add("alice")
    freeze = rulers.freeze(MAIN, by=alice)
    with rulers.storage.reading() as connection:
        row = connection.execute(administrative_records.select().where(administrative_records.c.sequence == 2)).one()
    altered = {
        "body": row.body.replace('"name":"main"', '"name":"moon"'),
        "signature": None,
        "hash": bytes(32),
        "sealed_mark": None,
    }
    rulers.alter(freeze, **{column: altered[column]})
    assert rulers.judge().faults == ["administrative record 2 was altered"]


def test_a_row_taken_out_from_between_others_is_a_fault(rulers: Rulers) -> None:
    freeze = rulers.freeze(MAIN)
    rulers.freeze(Scope(ScopeKind.EVERYTHING))
    with rulers.storage.transaction() as connection:
        connection.execute(delete(administrative_records).where(administrative_records.c.sequence == freeze.sequence))
    assert rulers.judge().faults == ["ruling 1 is not there: administrative records were taken out"]


def test_a_record_of_another_storage_is_a_fault(rulers: Rulers, tmp_path_factory: pytest.TempPathFactory) -> None:
    rulers.freeze(MAIN)
    other = open_storage(f"sqlite:///{tmp_path_factory.mktemp('other')}/other.db", Side.HOLDER)
    theirs = Rulers(other, open_safe(other, LocalRootKey(Secret(bytes(32)))), rulers.clock)
    with rulers.storage.reading() as connection:
        row = connection.execute(administrative_records.select()).one()
    with other.transaction() as connection:
        connection.execute(administrative_records.insert(), dict(row._mapping))
    assert theirs.judge().faults == ["administrative record 1 was altered"]
    other.close()


def test_a_ruling_that_this_hyok_does_not_know_is_a_fault(rulers: Rulers) -> None:
    with rulers.storage.transaction() as connection:
        rulers.recorder().rule(connection, subject="x", act="freeze a Region", details={})
    assert "administrative record 1 is not understood" in rulers.judge().faults[0]
