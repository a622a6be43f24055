"""What a drill came to, as a report that is signed and can be verified later."""

from __future__ import annotations

from typing import Final

import msgspec

from hyok.audit.errors import NoteError
from hyok.audit.notes import Signer, VerificationKey, parse_note

_REPORT: Final = "hyok.drill-report/1"


class Server(msgspec.Struct, frozen=True):
    """What a server said, and after how many seconds."""

    host: str
    pid: int
    answer: str
    seconds: float


class Step(msgspec.Struct, frozen=True):
    """A freeze or an unfreeze."""

    record: int
    at: str
    effective_after_seconds: float
    servers: tuple[Server, ...]


class Uses(msgspec.Struct, frozen=True):
    """What became of the requests that used the test key."""

    endpoint: str
    answers: dict[str, int]
    """How many, by the error's name; `ok` for those that succeeded."""
    last_use_after_seconds: float
    """From the freeze to the last success."""


class Report(msgspec.Struct, frozen=True):
    """What a drill came to."""

    hyok: str
    storage: str
    scope: str
    reason: str
    freeze: Step
    unfreeze: Step
    waits_for_operator: bool
    """Whether the unfreeze is not in force, because a second operator would have to confirm it."""
    uses: Uses | None
    has_passed: bool
    """Whether nothing was used two seconds after the freeze, and every server answered."""


def sign_report(report: Report, signer: Signer, name: str) -> bytes:
    """Write a report as a signed note: a line that says what it is, and one of JSON."""
    return signer.sign(f"{_REPORT}\n{msgspec.json.encode(report).decode()}\n", name).encode()


def open_report(content: bytes, key: VerificationKey, name: str) -> Report:
    """Read a report that was signed with this key in this name. NoteError if it is none, or was altered."""
    note = parse_note(content)
    key.verify(note, name)
    kind, _, body = note.text.partition("\n")
    if kind != _REPORT:
        raise NoteError(f"this is signed, but no drill's report: it begins with {kind[:40]!r}")
    try:
        return msgspec.json.decode(body, type=Report)
    except msgspec.MsgspecError as error:
        raise NoteError(f"this is no drill's report: {error}") from error


def signers_of(content: bytes) -> tuple[str, ...]:
    """Return in whose names a report is signed, of which nothing is verified yet. NoteError if it is no note."""
    return tuple(each.name for each in parse_note(content).signatures)
