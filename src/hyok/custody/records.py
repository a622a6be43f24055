"""Administrative records: who changed what, when and why. Each is chained to the one before, and signed by its author.

A record is one line of JSON, kept as it was written, because its hash and its signature are over these very bytes. It
is inserted by the transaction that makes the change, so that neither is there without the other. Records that servers
obey (rulings: freezes, unfreezes, operators) are numbered and chained among themselves as well, and sealed: a row that
was altered, or taken out from between others, is found by a server without reading all the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, insert, select

from hyok.audit.errors import NoteError
from hyok.audit.notes import Signer, VerificationKey, parse_note
from hyok.clock import Clock
from hyok.custody.errors import IntegrityError
from hyok.custody.rewrapping import SealedColumn
from hyok.custody.safe import Safe
from hyok.storage.changes import ChangeKind, NotedChange, record_change
from hyok.storage.schema import administrative_records

MOST_REASON_CHARACTERS: Final = 1024
_SIGNED_AS: Final = "hyok.administrative-record/1"
"""The first line of what is signed, so that a signature of something else is never one of a record."""
_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})
_encode: Final = msgspec.json.Encoder().encode
_table: Final = administrative_records.c


class Operator(NamedTuple):
    """Somebody who signs what they change."""

    name: str
    signer: Signer


class Author(NamedTuple):
    """Who changes something, and why."""

    user: str
    """The account at the operating system."""
    host: str
    operator: Operator | None = None
    reason: str = ""


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one record says."""

    sequence: int
    """From 1, without gaps."""
    at: str
    """UTC, ISO 8601, with microseconds."""
    kind: str
    """What kind of thing was changed."""
    subject: str
    """Which one."""
    act: str
    """What was done to it."""
    storage: str
    """The id of the storage, so that a record of one is none of another."""
    user: str
    host: str
    details: Mapping[str, object] = {}
    reason: str = ""
    operator: str = ""
    """Who signed it; empty if nobody did."""
    previous: str = ""
    """The hash of the record before, in hexadecimal digits."""
    ruling: int = 0
    """From 1, without gaps, among those that servers obey."""
    previous_ruling: str = ""
    """The hash of the ruling before."""


class StoredRecord(NamedTuple):
    """A record as it is kept."""

    record: Record
    body: str
    """The line that was hashed and signed."""
    signature: str | None
    """A line of a signed note (C2SP signed-note)."""
    hash: bytes
    sealed_mark: bytes | None

    def is_signed_by(self, key: VerificationKey) -> bool:
        """Tell whether it bears the right signature of that key, in the operator's name that it gives."""
        if self.signature is None:
            return False
        try:
            key.verify(parse_note(f"{_signed_text(self.body)}\n{self.signature}\n".encode()), self.record.operator)
        except NoteError:
            return False
        return True

    def is_sealed_by(self, safe: Safe) -> bool:
        """Tell whether it is as it was when it was written to this storage."""
        if self.sealed_mark is None or self.hash != _hash(self.body, self.signature):
            return False
        try:
            safe.open(self.sealed_mark, *_place(self.record.sequence, self.hash))
        except IntegrityError:
            return False
        return True


class Recorder:
    """Writes the records of one author into the transactions that make the changes."""

    def __init__(self, safe: Safe, clock: Clock, author: Author) -> None:
        self._safe = safe
        self._clock = clock
        self.author = author
        self.has_written = False
        """Whether anything was recorded."""

    def note_changes(self, connection: Connection, changes: Sequence[NotedChange]) -> None:
        """Record what a transaction has changed. Rulings have been recorded already."""
        for change in changes:
            if change.kind is not ChangeKind.RULING:
                self.note(connection, change.kind.value, change.subject, change.act, change.details)

    def note(
        self, connection: Connection, kind: str, subject: str, act: str, details: Mapping[str, object] = _NOTHING
    ) -> Record:
        """Record what was done, or is about to be, outside the storage."""
        return self._append(connection, _Deed(kind, subject, act, details), reason=self.author.reason, last_ruling=None)

    def rule(
        self, connection: Connection, *, subject: str, act: str, details: Mapping[str, object], reason: str = ""
    ) -> Record:
        """Record what servers are to obey, and tell them through the change log."""
        deed = _Deed(ChangeKind.RULING.value, subject, act, details)
        row = connection.execute(
            select(_table.ruling, _table.hash).where(_table.ruling.is_not(None)).order_by(_table.ruling.desc()).limit(1)
        ).first()
        last = _LastRuling(0, b"") if row is None else _LastRuling(row.ruling, row.hash)
        record = self._append(connection, deed, reason=reason or self.author.reason, last_ruling=last)
        record_change(connection, ChangeKind.RULING, str(record.sequence), at=self._clock.now(), act=act)
        return record

    def _append(self, connection: Connection, deed: _Deed, *, reason: str, last_ruling: _LastRuling | None) -> Record:
        row = connection.execute(select(_table.sequence, _table.hash).order_by(_table.sequence.desc()).limit(1)).first()
        operator = self.author.operator
        record = Record(
            sequence=1 if row is None else row.sequence + 1,
            at=datetime.fromtimestamp(self._clock.now(), UTC).isoformat(timespec="microseconds"),
            kind=deed.kind,
            subject=deed.subject,
            act=deed.act,
            storage=self._safe.store_id,
            user=self.author.user,
            host=self.author.host,
            details=dict(deed.details),
            reason=reason[:MOST_REASON_CHARACTERS],
            operator="" if operator is None else operator.name,
            previous="" if row is None else row.hash.hex(),
            ruling=0 if last_ruling is None else last_ruling.number + 1,
            previous_ruling="" if last_ruling is None else last_ruling.hash.hex(),
        )
        body = _encode(record).decode()
        signature = None
        if operator is not None:
            signature = operator.signer.sign(_signed_text(body), operator.name).rstrip("\n").rpartition("\n")[2]
        digest = _hash(body, signature)
        connection.execute(
            insert(administrative_records),
            {
                "sequence": record.sequence,
                "ruling": record.ruling or None,
                "body": body,
                "signature": signature,
                "hash": digest,
                "sealed_mark": self._safe.seal(b"", *_place(record.sequence, digest)) if record.ruling else None,
            },
        )
        self.has_written = True
        return record


class _Deed(NamedTuple):
    kind: str
    subject: str
    act: str
    details: Mapping[str, object]


class _LastRuling(NamedTuple):
    number: int
    hash: bytes


def read_records(connection: Connection, *, after: int = 0, limit: int = 1000) -> tuple[StoredRecord, ...]:
    """Return the records after a number, oldest first. IntegrityError if one is none of hyok's."""
    query = select(administrative_records).where(_table.sequence > after).order_by(_table.sequence).limit(limit)
    return tuple(_read(row) for row in connection.execute(query))


def read_rulings(connection: Connection) -> tuple[StoredRecord, ...]:
    """Return all rulings, oldest first. IntegrityError if one is none of hyok's."""
    query = select(administrative_records).where(_table.ruling.is_not(None)).order_by(_table.ruling)
    return tuple(_read(row) for row in connection.execute(query))


def copy_for_trail(stored: StoredRecord) -> dict[str, object]:
    """Return what the audit trail keeps of a record: what it is about, and its very line and signature."""
    record = stored.record
    is_ruling = record.kind == ChangeKind.RULING.value
    return {
        "sequence": record.sequence,
        "action": record.act if is_ruling else f"{record.act} {record.kind}",
        "subject": record.subject,
        "operator": record.operator or f"{record.user}@{record.host}",
        "reason": record.reason,
        "record": stored.body,
        "signature": stored.signature,
    }


def _read(row: Row[tuple[object, ...]]) -> StoredRecord:
    try:
        record = msgspec.json.decode(row.body, type=Record)
    except msgspec.MsgspecError as error:
        raise IntegrityError(f"administrative record {row.sequence} cannot be read: {error}") from error
    if record.sequence != row.sequence:
        raise IntegrityError(f"administrative record {row.sequence} says that it is {record.sequence}")
    return StoredRecord(record, row.body, row.signature, row.hash, row.sealed_mark)


def _signed_text(body: str) -> str:
    return f"{_SIGNED_AS}\n{body}\n"


def _hash(body: str, signature: str | None) -> bytes:
    return sha256(f"{_signed_text(body)}{signature or ''}".encode()).digest()


def _place(sequence: int, digest: bytes) -> tuple[str, int, str]:
    return ("administrative_records", sequence, digest.hex())


SEALED_RULINGS: Final = SealedColumn(
    administrative_records,
    "sealed_mark",
    select(_table.sequence, _table.hash, _table.sealed_mark).where(_table.sealed_mark.is_not(None)),
    lambda row: _place(row.sequence, row.hash),
)
"""For a change of the root key."""
