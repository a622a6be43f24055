"""Freezing, unfreezing and operators as commands do it: what servers would not obey is refused before it is written."""

from __future__ import annotations

import os
import subprocess

import pytest
from sqlalchemy import insert, select

from hyok.administration.acknowledgements import Answer, await_servers
from hyok.administration.external_keys import add_external_key
from hyok.administration.freezes import freeze, read_standing, unfreeze
from hyok.administration.keystores import create_key_store
from hyok.administration.operators import add_operator, confirm, remove_operator, require_operators
from hyok.custody.operator_keys import new_operator
from hyok.custody.records import Author, Operator, Recorder
from hyok.custody.rulings import Judge, Scope, ScopeKind
from hyok.custody.safe import Safe
from hyok.errors import NotDoneError
from hyok.proxy.fleet import process_id
from hyok.storage.engine import Storage
from hyok.storage.schema import server_leases
from tests.unit.storage.fixtures import SetClock

MAIN = Scope(ScopeKind.KEY_STORE, "main")


class Office:
    """Where operators give their commands."""

    def __init__(self, storage: Storage, safe: Safe, clock: SetClock) -> None:
        self.storage, self.safe, self.clock = storage, safe, clock
        self.judge = Judge(safe, {})

    def recorder(self, operator: Operator | None = None) -> Recorder:
        return Recorder(self.safe, self.clock, Author("root", "host", operator))

    def frozen(self) -> list[Scope]:
        return [each.scope for each in read_standing(self.storage, self.judge).freezes.values()]

    def add(self, name: str, by: Operator | None = None) -> Operator:
        operator, _ = new_operator(name)
        add_operator(self.storage, self.recorder(by), self.judge, name, operator.signer.key)
        return operator

    def freeze(self, scope: Scope = MAIN, by: Operator | None = None) -> int:
        return freeze(self.storage, self.recorder(by), scope).position

    def unfreeze(self, scope: Scope = MAIN, by: Operator | None = None) -> list[int]:
        unfrozen = unfreeze(self.storage, self.recorder(by), self.judge, scope)
        return [each.record.sequence for each in unfrozen.pending]


@pytest.fixture
def office(holder_storage: Storage, safe: Safe, clock: SetClock) -> Office:
    create_key_store(holder_storage, clock, name="main")
    add_external_key(
        holder_storage, clock, key_store="main", external_key_id="key", key_manager="software", manager_key_id="key"
    )
    return Office(holder_storage, safe, clock)


@pytest.mark.parametrize(
    "scope",
    [
        Scope(ScopeKind.EVERYTHING),
        MAIN,
        Scope(ScopeKind.EXTERNAL_KEY, "main/key"),
        Scope(ScopeKind.PRINCIPAL, "arn:aws:iam::123456789012:role/A"),
        Scope(ScopeKind.ACCOUNT, "123456789012"),
    ],
)
def test_each_scope_is_frozen_and_unfrozen(office: Office, scope: Scope) -> None:
    office.freeze(scope)
    assert office.frozen() == [scope]
    assert office.unfreeze(scope) == []
    assert office.frozen() == []


@pytest.mark.parametrize(
    ("scope", "message"),
    [
        (Scope(ScopeKind.KEY_STORE, "mian"), "there is no key store named 'mian'"),
        (Scope(ScopeKind.EXTERNAL_KEY, "main/kee"), "key store main has no external key 'kee'"),
        (Scope(ScopeKind.PRINCIPAL, "arn:aws:iam::123456789012:role/*"), "without wildcards"),
        (Scope(ScopeKind.ACCOUNT, "12345678901"), "give its 12 digits"),
    ],
)
def test_a_freeze_that_would_meet_nothing_is_refused(office: Office, scope: Scope, message: str) -> None:
    with pytest.raises(NotDoneError, match=message):
        office.freeze(scope)
    assert office.frozen() == []


def test_what_is_frozen_twice_is_unfrozen_at_once(office: Office) -> None:
    office.freeze()
    office.freeze()
    office.unfreeze()
    assert office.frozen() == []


def test_an_unfreeze_lifts_the_freeze_of_its_own_scope_only(office: Office) -> None:
    office.freeze()
    office.freeze(Scope(ScopeKind.EVERYTHING))
    office.unfreeze()
    assert office.frozen() == [Scope(ScopeKind.EVERYTHING)]
    with pytest.raises(NotDoneError, match="key store main is not frozen"):
        office.unfreeze()


def test_an_unfreeze_that_servers_would_not_obey_is_refused(office: Office) -> None:
    office.add("alice")
    office.freeze()
    with pytest.raises(NotDoneError, match="an operator has to sign this"):
        office.unfreeze()
    with pytest.raises(NotDoneError, match="not that of an operator named alice"):
        office.unfreeze(by=new_operator("alice")[0])
    assert office.frozen() == [MAIN]


def test_a_second_operator_confirms(holder_storage: Storage, office: Office) -> None:
    alice = office.add("alice")
    with pytest.raises(NotDoneError, match="there are 1 operators; create as many as have to sign first"):
        require_operators(holder_storage, office.recorder(alice), office.judge, 2)
    bob = office.add("bob", by=alice)
    assert require_operators(holder_storage, office.recorder(alice), office.judge, 2).pending is None
    with pytest.raises(NotDoneError, match="2 operators have to sign, and there are no more"):
        remove_operator(holder_storage, office.recorder(alice), office.judge, "bob")
    office.freeze()
    [waits] = office.unfreeze(by=alice)
    assert office.frozen() == [MAIN]
    with pytest.raises(NotDoneError, match="waits for another operator already"):
        office.unfreeze(by=alice)
    with pytest.raises(NotDoneError, match="alice has signed record"):
        confirm(holder_storage, office.recorder(alice), office.judge, waits)
    assert confirm(holder_storage, office.recorder(bob), office.judge, waits).pending is None
    assert office.frozen() == []
    with pytest.raises(NotDoneError, match="waits for nobody"):
        confirm(holder_storage, office.recorder(bob), office.judge, waits)


def test_operators_are_told_apart(holder_storage: Storage, office: Office) -> None:
    alice = office.add("alice")
    with pytest.raises(NotDoneError, match="there is an operator named alice already"):
        office.add("alice", by=alice)
    with pytest.raises(NotDoneError, match="this key is an operator's already"):
        add_operator(holder_storage, office.recorder(alice), office.judge, "bob", alice.signer.key)
    with pytest.raises(NotDoneError, match="alice is the only operator"):
        remove_operator(holder_storage, office.recorder(alice), office.judge, "alice")
    office.add("bob", by=alice)
    remove_operator(holder_storage, office.recorder(alice), office.judge, "bob")
    assert list(read_standing(holder_storage, office.judge).operators) == ["alice"]


# Waiting for servers


class Passing:
    """A clock that passes while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def add_lease(storage: Storage, server: str, *, position: int, process: str = "elsewhere", pid: int = 1) -> None:
    with storage.transaction() as connection:
        connection.execute(
            insert(server_leases),
            {
                "server": server,
                "instance": "i",
                "host": "h",
                "pid": pid,
                "process": process,
                "position": position,
                "stale_after_seconds": 15.0,
                "at": 0.0,
            },
        )


@pytest.fixture
def ended() -> tuple[int, str]:
    """Return a process of this system that is no more."""
    process = subprocess.Popen(["sleep", "60"])
    name = process_id(process.pid)
    process.kill()
    process.wait()
    return process.pid, name


def test_nobody_is_waited_for_where_nobody_serves(holder_storage: Storage) -> None:
    assert await_servers(holder_storage, 1, changed_at=0.0, monotonic=Passing()) == ()


def test_a_server_that_has_taken_in_the_change_is_not_waited_for(holder_storage: Storage) -> None:
    add_lease(holder_storage, "a", position=9)
    [answer] = await_servers(holder_storage, 9, changed_at=0.0, monotonic=Passing())
    assert answer.answer is Answer.ACKNOWLEDGED


def test_a_server_that_does_not_answer_is_named_when_its_lease_has_ended(holder_storage: Storage) -> None:
    add_lease(holder_storage, "a", position=9)
    add_lease(holder_storage, "b", position=8)
    time = Passing()
    answers = await_servers(holder_storage, 9, changed_at=0.0, monotonic=time, sleep=time.sleep)
    assert {each.server: each.answer for each in answers} == {"a": Answer.ACKNOWLEDGED, "b": Answer.EXPIRED}
    assert 15.5 < time.now < 15.6


def test_a_server_that_ended_without_a_word_is_not_waited_for(holder_storage: Storage, ended: tuple[int, str]) -> None:
    pid, process = ended
    add_lease(holder_storage, "a", position=8, pid=pid, process=process)
    [answer] = await_servers(holder_storage, 9, changed_at=0.0, monotonic=Passing())
    assert answer.answer is Answer.ENDED
    with holder_storage.reading() as connection:
        assert connection.execute(select(server_leases)).all() == []


def test_a_server_of_another_system_is_waited_for_whatever_its_process_is_here(holder_storage: Storage) -> None:
    boot, rest = process_id(os.getpid()).split(" ", 1)
    add_lease(holder_storage, "a", position=8, pid=os.getpid(), process=f"{boot[::-1]} {rest}")
    time = Passing()
    [answer] = await_servers(holder_storage, 9, changed_at=0.0, monotonic=time, sleep=time.sleep)
    assert answer.answer is Answer.EXPIRED


def test_a_server_that_leaves_while_it_is_waited_for_is_not_waited_for_longer(holder_storage: Storage) -> None:
    add_lease(holder_storage, "a", position=8)

    def leave(_: float) -> None:
        with holder_storage.transaction() as connection:
            connection.execute(server_leases.delete())

    assert await_servers(holder_storage, 9, changed_at=0.0, monotonic=Passing(), sleep=leave) == ()
