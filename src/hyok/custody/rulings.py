"""What servers are to obey, worked out from the rulings alone: who the operators are, and what is frozen.

A freeze holds as soon as it is there, whoever wrote it. What gives access back, or says who may, holds only when enough
operators have signed it. So nobody who can write to the storage, or owns its root key, but is no operator unfreezes
anything, on any server, by whatever they write there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from hyok.audit.errors import NoteError
from hyok.audit.notes import VerificationKey, parse_verification_key
from hyok.custody.records import Record, StoredRecord
from hyok.custody.safe import Safe


class Act(Enum):
    """What a ruling does. The value stands in its record."""

    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    """`freeze` in the details: the number of the record that froze."""
    ADD_OPERATOR = "add operator"
    """`public_key` in the details."""
    REMOVE_OPERATOR = "remove operator"
    REQUIRE = "require operators"
    """`count` in the details: how many operators have to sign from here on."""
    CONFIRM = "confirm"
    """`record` in the details: the number of the record that a further operator signs by this."""


class ScopeKind(Enum):
    """How much a freeze withdraws. The value stands in its record."""

    EVERYTHING = "everything"
    KEY_STORE = "key store"
    EXTERNAL_KEY = "external key"
    PRINCIPAL = "principal"
    ACCOUNT = "account"


class Scope(NamedTuple):
    """What a freeze withdraws."""

    kind: ScopeKind
    name: str = ""
    """A key store's name, `<key store>/<external key id>`, an ARN, an account's number; empty for everything."""

    def __str__(self) -> str:
        return f"{self.kind.value} {self.name}".rstrip()


class Freeze(NamedTuple):
    """A freeze in force."""

    scope: Scope
    record: Record
    hash: bytes
    """Of its record: what tells it from another under the same number."""


class Pending(NamedTuple):
    """A ruling that waits for signatures."""

    record: Record
    signers: frozenset[str]
    needed: int
    """How many operators have to sign it."""


Trusted = Mapping[str, VerificationKey]
"""Operators by name whom the machine's configuration names itself."""


@dataclass(slots=True)
class Standing:
    """How things stand after all rulings."""

    operators: dict[str, VerificationKey] = field(default_factory=dict)
    has_operators: bool = False
    """Whether the rulings have made somebody an operator: from then on, what gives access back has to be signed."""
    required: int = 1
    """By how many."""
    freezes: dict[int, Freeze] = field(default_factory=dict)
    """By the number of the record that froze."""
    lifted: set[bytes] = field(default_factory=set)
    """The hashes of freezes that were lifted."""
    pending: dict[int, Pending] = field(default_factory=dict)
    """By the number of the record that waits."""
    faults: list[str] = field(default_factory=list)
    """Why the rulings cannot be believed; then everything is to be taken as frozen."""


class Judge:
    """Works out how things stand. Remembers which signatures were right, so that a long history is judged quickly."""

    def __init__(self, safe: Safe, trusted: Trusted) -> None:
        """`trusted` can sign from the first ruling on, and if there is anybody, the first operator is signed by one."""
        self._safe = safe
        self._trusted = trusted
        self._verified: set[tuple[bytes, VerificationKey]] = set()

    def judge(self, rulings: Iterable[StoredRecord]) -> Standing:
        """Go through all rulings from the first; some microseconds each, and 100 for a signature not seen before."""
        standing = Standing(operators=dict(self._trusted))
        previous = b""
        number = 0
        for number, ruling in enumerate(rulings, 1):
            if ruling.record.ruling != number or ruling.record.previous_ruling != previous.hex():
                standing.faults.append(f"ruling {number} is not there: administrative records were taken out")
                return standing
            if ruling.record.storage != self._safe.store_id or not ruling.is_sealed_by(self._safe):
                standing.faults.append(f"administrative record {ruling.record.sequence} was altered")
                return standing
            previous = ruling.hash
            self._take(standing, ruling)
        return standing

    def _take(self, standing: Standing, ruling: StoredRecord) -> None:
        record = ruling.record
        try:
            act = Act(record.act)
            match act:
                case Act.FREEZE:
                    scope = Scope(ScopeKind(record.details["scope"]), str(record.details["name"]))
                    standing.freezes[record.sequence] = Freeze(scope, record, ruling.hash)
                case Act.CONFIRM:
                    self._confirm(standing, ruling, _number(record, "record"))
                case Act.UNFREEZE | Act.ADD_OPERATOR | Act.REMOVE_OPERATOR | Act.REQUIRE:
                    self._propose(standing, record, self._signers(standing, ruling))
        except (ValueError, KeyError, NoteError) as error:
            # Not to be understood: it may be a freeze that a newer hyok knows how to write.
            standing.faults.append(f"administrative record {record.sequence} is not understood: {error}")

    def _signers(self, standing: Standing, ruling: StoredRecord) -> frozenset[str]:
        name = ruling.record.operator
        key = standing.operators.get(name)
        if key is None:
            return frozenset()
        seen = (ruling.hash, key)
        if seen not in self._verified:
            if not ruling.is_signed_by(key):
                return frozenset()
            self._verified.add(seen)
        return frozenset((name,))

    def _confirm(self, standing: Standing, ruling: StoredRecord, sequence: int) -> None:
        pending = standing.pending.get(sequence)
        if pending is not None:
            self._propose(standing, pending.record, pending.signers | self._signers(standing, ruling))

    def _propose(self, standing: Standing, record: Record, signers: frozenset[str]) -> None:
        needed = 0 if self._is_pinned(record) else self.needed(standing, Act(record.act))
        if len(signers & standing.operators.keys()) >= needed:
            standing.pending.pop(record.sequence, None)
            _enact(standing, record)
        else:
            standing.pending[record.sequence] = Pending(record, signers, needed)

    def needed(self, standing: Standing, act: Act) -> int:
        """Return how many operators have to sign an act as things stand."""
        match act:
            case Act.FREEZE | Act.CONFIRM:
                return 0
            case Act.UNFREEZE:
                return standing.required if standing.has_operators else 0
            case Act.ADD_OPERATOR | Act.REMOVE_OPERATOR | Act.REQUIRE:
                # The first operator is believed, unless the configuration says who it is.
                return standing.required if standing.has_operators else min(1, len(self._trusted))

    def _is_pinned(self, record: Record) -> bool:
        """Tell whether a ruling makes an operator of somebody whom the configuration trusts, with the same key."""
        key = self._trusted.get(record.subject) if record.act == Act.ADD_OPERATOR.value else None
        return key is not None and str(key) == record.details.get("public_key")


def _enact(standing: Standing, record: Record) -> None:
    match Act(record.act):
        case Act.UNFREEZE:
            number = _number(record, "freeze")
            if (freeze := standing.freezes.pop(number, None)) is not None:
                standing.lifted.add(freeze.hash)
        case Act.ADD_OPERATOR:
            key = parse_verification_key(str(record.details["public_key"]))
            # One person under two names would be two persons.
            if record.subject not in standing.operators and key not in standing.operators.values():
                standing.operators[record.subject] = key
            standing.has_operators = True
        case Act.REMOVE_OPERATOR:
            if len(standing.operators) > standing.required:
                standing.operators.pop(record.subject, None)
        case Act.REQUIRE:
            # Never more than there are: nobody could take it back.
            standing.required = max(1, min(_number(record, "count"), len(standing.operators)))
        case Act.FREEZE | Act.CONFIRM:
            pass


def _number(record: Record, member: str) -> int:
    number = record.details[member]
    if not isinstance(number, int):
        raise ValueError(f"{member} is no number")
    return number
