"""Withdraw access at once, from a key, a key store, a principal, an account or everybody, and give it back."""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import Connection

from hyok.administration.external_keys import get_external_key
from hyok.administration.keystores import get_key_store
from hyok.custody.records import Record, Recorder, read_rulings
from hyok.custody.rulings import Act, Freeze, Judge, Pending, Scope, ScopeKind, Standing
from hyok.errors import NotDoneError
from hyok.storage.changes import current_position
from hyok.storage.engine import Storage

_ACCOUNT_DIGITS: Final = 12
_MOST_ARN_CHARACTERS: Final = 2048


class Ruled(NamedTuple):
    """What was written down, and where in the change log servers find it."""

    record: Record
    position: int


class Unfrozen(NamedTuple):
    """What came of an unfreeze."""

    ruled: tuple[Ruled, ...]
    """One for each freeze of the scope."""
    pending: tuple[Pending, ...]
    """Those of them that wait for further operators."""


def freeze(storage: Storage, recorder: Recorder, scope: Scope, *, reason: str = "") -> Ruled:
    """Refuse what `scope` names from now on, on all servers. Nobody has to sign it.

    NotDoneError if there is no such key store or key, or the principal or account cannot be one.
    """
    with storage.transaction() as connection:
        _check(connection, scope)
        details = {"scope": scope.kind.value, "name": scope.name}
        record = recorder.rule(connection, subject=str(scope), act=Act.FREEZE.value, details=details, reason=reason)
        return Ruled(record, current_position(connection))


def unfreeze(storage: Storage, recorder: Recorder, judge: Judge, scope: Scope, *, reason: str = "") -> Unfrozen:
    """Give back what the freezes of exactly this scope withdrew, as soon as enough operators have signed it.

    NotDoneError if it is not frozen, or servers would not take this author's word for it.
    """
    with storage.transaction() as connection:
        standing = judge.judge(read_rulings(connection))
        freezes = [freeze for freeze in standing.freezes.values() if freeze.scope == scope]
        if not freezes:
            raise NotDoneError(f"{scope} is not frozen; `hyok freeze --list` shows what is")
        refuse_unsigned(standing, recorder, needed=judge.needed(standing, Act.UNFREEZE))
        _refuse_waiting(standing, freezes)
        ruled = tuple(_lift(connection, recorder, each, reason) for each in freezes)
        after = judge.judge(read_rulings(connection))
        numbers = {each.record.sequence for each in ruled}
        return Unfrozen(ruled, tuple(after.pending[number] for number in sorted(numbers & after.pending.keys())))


def read_standing(storage: Storage, judge: Judge) -> Standing:
    """Return what is frozen, what waits for signatures, and who the operators are."""
    with storage.reading() as connection:
        return judge.judge(read_rulings(connection))


def is_frozen(standing: Standing, key_store: str) -> bool:
    """Tell whether a key store as a whole is refused to everybody."""
    everything, this = Scope(ScopeKind.EVERYTHING), Scope(ScopeKind.KEY_STORE, key_store)
    return bool(standing.faults) or any(freeze.scope in (everything, this) for freeze in standing.freezes.values())


def refuse_unsigned(standing: Standing, recorder: Recorder, *, needed: int) -> None:
    """NotDoneError, before anything is written, if servers would not count this author as one who signs."""
    if standing.faults:
        raise NotDoneError(f"{'; '.join(standing.faults)}; restore the storage from a backup")
    operator = recorder.author.operator
    if operator is None:
        if needed:
            raise NotDoneError(
                "an operator has to sign this: name your key with --operator FILE or HYOK_OPERATOR (`hyok operator "
                "list` shows the operators, `hyok operator create` makes one)"
            )
        return
    if standing.operators.get(operator.name) != operator.signer.key:
        raise NotDoneError(
            f"the key given is not that of an operator named {operator.name}; `hyok operator list` shows the operators"
        )


def _check(connection: Connection, scope: Scope) -> None:
    match scope.kind:
        case ScopeKind.EVERYTHING:
            pass
        case ScopeKind.KEY_STORE:
            get_key_store(connection, scope.name)
        case ScopeKind.EXTERNAL_KEY:
            key_store, _, key_id = scope.name.partition("/")
            get_external_key(connection, key_store, key_id)
        case ScopeKind.PRINCIPAL:
            if not 0 < len(scope.name) <= _MOST_ARN_CHARACTERS or "*" in scope.name:
                raise NotDoneError(
                    f"{scope.name!r} names no principal; give the ARN of a user, a role (with all its sessions) or a "
                    "session, without wildcards"
                )
        case ScopeKind.ACCOUNT:
            if len(scope.name) != _ACCOUNT_DIGITS or not scope.name.isdecimal():
                raise NotDoneError(f"{scope.name!r} is no AWS account; give its 12 digits")


def _refuse_waiting(standing: Standing, freezes: list[Freeze]) -> None:
    numbers = {freeze.record.sequence for freeze in freezes}
    for pending in standing.pending.values():
        if pending.record.act == Act.UNFREEZE.value and pending.record.details.get("freeze") in numbers:
            raise NotDoneError(
                f"an unfreeze of this, signed by {', '.join(sorted(pending.signers))}, waits for another operator "
                f"already; confirm it with `hyok operator confirm {pending.record.sequence}`"
            )


def _lift(connection: Connection, recorder: Recorder, freeze: Freeze, reason: str) -> Ruled:
    record = recorder.rule(
        connection,
        subject=str(freeze.scope),
        act=Act.UNFREEZE.value,
        details={"freeze": freeze.record.sequence},
        reason=reason,
    )
    return Ruled(record, current_position(connection))
