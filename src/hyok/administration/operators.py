"""Operators: people who sign what they change, and without whom nothing that was frozen comes back."""

from __future__ import annotations

from typing import NamedTuple

from hyok.administration.freezes import Ruled, refuse_unsigned
from hyok.audit.notes import VerificationKey
from hyok.custody.records import Recorder, read_rulings
from hyok.custody.rulings import Act, Judge, Pending, Standing
from hyok.errors import NotDoneError
from hyok.storage.changes import current_position
from hyok.storage.engine import Storage


class Proposed(NamedTuple):
    """A change of the operators, or a confirmation, and whether it holds yet."""

    ruled: Ruled
    pending: Pending | None
    """What it waits for, if it does."""


def add_operator(storage: Storage, recorder: Recorder, judge: Judge, name: str, key: VerificationKey) -> Proposed:
    """Make somebody an operator, with the public half of their key. All but the first are signed by operators.

    NotDoneError if the name or the key is an operator's already, or servers would not take this author's word for it.
    """
    with storage.transaction() as connection:
        standing = judge.judge(read_rulings(connection))
        refuse_unsigned(standing, recorder, needed=judge.needed(standing, Act.ADD_OPERATOR))
        if name in standing.operators:
            raise NotDoneError(f"there is an operator named {name} already; choose another name")
        if key in standing.operators.values():
            raise NotDoneError("this key is an operator's already; each operator has a key of their own")
        record = recorder.rule(connection, subject=name, act=Act.ADD_OPERATOR.value, details={"public_key": str(key)})
        after = judge.judge(read_rulings(connection))
        return Proposed(Ruled(record, current_position(connection)), after.pending.get(record.sequence))


def remove_operator(storage: Storage, recorder: Recorder, judge: Judge, name: str) -> Proposed:
    """Count somebody's signature no longer. NotDoneError if there is no such operator, or no other."""
    with storage.transaction() as connection:
        standing = judge.judge(read_rulings(connection))
        if name not in standing.operators:
            raise NotDoneError(f"there is no operator named {name!r}; `hyok operator list` shows those there are")
        if len(standing.operators) <= standing.required > 1:
            raise NotDoneError(
                f"{standing.required} operators have to sign, and there are no more; create another, or require fewer"
            )
        if len(standing.operators) == 1:
            raise NotDoneError(
                f"{name} is the only operator, and without one nothing could be unfrozen; create another"
            )
        refuse_unsigned(standing, recorder, needed=judge.needed(standing, Act.REMOVE_OPERATOR))
        record = recorder.rule(connection, subject=name, act=Act.REMOVE_OPERATOR.value, details={})
        after = judge.judge(read_rulings(connection))
        return Proposed(Ruled(record, current_position(connection)), after.pending.get(record.sequence))


def require_operators(storage: Storage, recorder: Recorder, judge: Judge, count: int) -> Proposed:
    """Have so many operators sign from now on: an unfreeze, a change of operators, and of this number.

    NotDoneError if there are not so many, or servers would not take this author's word for it.
    """
    with storage.transaction() as connection:
        standing = judge.judge(read_rulings(connection))
        if not 1 <= count <= len(standing.operators):
            raise NotDoneError(f"there are {len(standing.operators)} operators; create as many as have to sign first")
        refuse_unsigned(standing, recorder, needed=judge.needed(standing, Act.REQUIRE))
        record = recorder.rule(
            connection, subject=f"{count} operators", act=Act.REQUIRE.value, details={"count": count}
        )
        after = judge.judge(read_rulings(connection))
        return Proposed(Ruled(record, current_position(connection)), after.pending.get(record.sequence))


def confirm(storage: Storage, recorder: Recorder, judge: Judge, sequence: int) -> Proposed:
    """Sign, as a further operator, what waits for one. NotDoneError if it does not wait, or not for this operator."""
    with storage.transaction() as connection:
        standing = judge.judge(read_rulings(connection))
        pending = get_pending(standing, sequence)
        refuse_unsigned(standing, recorder, needed=1)
        operator = recorder.author.operator
        if operator is not None and operator.name in pending.signers:
            raise NotDoneError(f"{operator.name} has signed record {sequence} already; another operator has to")
        record = recorder.rule(
            connection, subject=pending.record.subject, act=Act.CONFIRM.value, details={"record": sequence}
        )
        after = judge.judge(read_rulings(connection))
        return Proposed(Ruled(record, current_position(connection)), after.pending.get(sequence))


def get_pending(standing: Standing, sequence: int) -> Pending:
    """Return what waits for signatures under this record number. NotDoneError if nothing does."""
    pending = standing.pending.get(sequence)
    if pending is None:
        raise NotDoneError(f"record {sequence} waits for nobody; `hyok operator list` shows what does")
    return pending
