"""Operators, and a storage into which they write."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import update

from hyok.custody.operator_keys import new_operator
from hyok.custody.records import Author, Operator, Record, Recorder, read_rulings
from hyok.custody.rulings import Act, Judge, Scope, Standing, Trusted
from hyok.custody.safe import Safe
from hyok.storage.engine import Storage
from hyok.storage.schema import administrative_records
from tests.unit.storage.fixtures import SetClock

NOBODY: Trusted = {}


class Rulers:
    """Writes rulings past all checks of commands, as somebody who owns storage and root key could."""

    def __init__(self, storage: Storage, safe: Safe, clock: SetClock) -> None:
        self.storage, self.safe, self.clock = storage, safe, clock

    def recorder(self, operator: Operator | None = None) -> Recorder:
        return Recorder(self.safe, self.clock, Author("root", "host", operator))

    def rule(self, act: Act, subject: str, details: Mapping[str, object], *, by: Operator | None = None) -> Record:
        with self.storage.transaction() as connection:
            return self.recorder(by).rule(connection, subject=subject, act=act.value, details=details)

    def freeze(self, scope: Scope, *, by: Operator | None = None) -> Record:
        return self.rule(Act.FREEZE, str(scope), {"scope": scope.kind.value, "name": scope.name}, by=by)

    def unfreeze(self, freeze: Record, *, by: Operator | None = None) -> Record:
        return self.rule(Act.UNFREEZE, freeze.subject, {"freeze": freeze.sequence}, by=by)

    def confirm(self, record: Record, *, by: Operator | None = None) -> Record:
        return self.rule(Act.CONFIRM, record.subject, {"record": record.sequence}, by=by)

    def add(self, name: str, *, by: Operator | None = None) -> Operator:
        made, _ = new_operator(name)
        self.rule(Act.ADD_OPERATOR, name, {"public_key": str(made.signer.key)}, by=by)
        return made

    def remove(self, name: str, *, by: Operator | None = None) -> Record:
        return self.rule(Act.REMOVE_OPERATOR, name, {}, by=by)

    def require(self, count: int, *, by: Operator | None = None) -> Record:
        return self.rule(Act.REQUIRE, f"{count} operators", {"count": count}, by=by)

    def judge(self, trusted: Trusted = NOBODY) -> Standing:
        with self.storage.reading() as connection:
            return Judge(self.safe, trusted).judge(read_rulings(connection))

    def alter(self, record: Record, **columns: object) -> None:
        """Change a row as an editor of the database would."""
        with self.storage.transaction() as connection:
            connection.execute(
                update(administrative_records)
                .where(administrative_records.c.sequence == record.sequence)
                .values(**columns)
            )
