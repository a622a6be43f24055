"""Verify a trail: every record of every log against the signed checkpoints, and where something is wrong.

What it takes as given is one public key, and checkpoints that were kept elsewhere. Everything else in the directory
may have been altered by whoever could write there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hyok.audit.checkpoints import Checkpoint
from hyok.audit.errors import NoteError
from hyok.audit.findings import Finding, FindingKind
from hyok.audit.layout import is_log_name
from hyok.audit.notes import VerificationKey
from hyok.audit.trail import Trail, read_trail
from hyok.audit.verification.log import LogCheck, VerifiedLog
from hyok.audit.verification.reading import Progress


class Verdict(NamedTuple):
    """A trail, verified."""

    trail: str
    logs: tuple[VerifiedLog, ...]
    findings: tuple[Finding, ...]

    @property
    def is_intact(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def total_bytes(directory: Path) -> int:
    """Return how much there is to read, for a display of progress."""
    return sum(file.stat().st_size for file in directory.glob("*/*.jsonl"))


def verify_trail(
    directory: Path,
    key: VerificationKey,
    *,
    kept: Sequence[Checkpoint] = (),
    logs: Sequence[str] = (),
    progress: Progress = lambda _bytes: None,
) -> Verdict:
    """Verify the logs of a trail, or those named; `kept` are checkpoints of it from elsewhere, verified already.

    OperatorError if there is no trail in `directory`.
    """
    findings: list[Finding] = []
    try:
        trail = read_trail(directory, key)
    except NoteError as error:
        findings.append(Finding(FindingKind.SIGNATURE, "logs.note", f"the list of logs is not right: {error}"))
        trail = _trail_by_its_directories(directory, kept)
    chosen = [place for place in trail.places() if not logs or place.name in logs]
    verified: list[VerifiedLog] = []
    mentioned: dict[str, int] = {}
    for place in chosen:
        check = LogCheck(place, key, [each for each in kept if each.origin == place.origin], progress)
        log = check.run()
        findings += check.findings
        for name, size in check.mentioned.items():
            mentioned[name] = max(size, mentioned.get(name, -1))
        if log is not None:
            verified.append(log)
    if not logs:
        findings += _find_strangers(trail, kept)
        findings += _find_mentioned(trail, verified, mentioned)
    return Verdict(trail.name, tuple(verified), tuple(findings))


def _trail_by_its_directories(directory: Path, kept: Sequence[Checkpoint]) -> Trail:
    names = tuple(sorted(each.parent.name for each in directory.glob("*/lock") if is_log_name(each.parent.name)))
    name = kept[0].origin.rpartition("/")[0] if kept else read_trail(directory, None).name
    return Trail(directory, name, names)


def _find_strangers(trail: Trail, kept: Sequence[Checkpoint]) -> Iterator[Finding]:
    for directory in sorted({each.parent for each in trail.directory.glob("*/*.jsonl")}):
        if directory.name not in trail.logs:
            yield Finding(FindingKind.ADDED, directory.name, "this log is not in the signed list of logs")
    for checkpoint in kept:
        name = checkpoint.origin.rpartition("/")[2]
        if checkpoint.origin != trail.place(name).origin:
            text = f"the checkpoint given is of {checkpoint.origin}, and this trail is {trail.name}"
            yield Finding(FindingKind.SIGNATURE, name, text)
        elif name not in trail.logs:
            text = "a checkpoint of it was given, but it is not in the list of logs: list and log were removed"
            yield Finding(FindingKind.MISSING, name, text)


def _find_mentioned(trail: Trail, verified: Sequence[VerifiedLog], mentioned: Mapping[str, int]) -> Iterator[Finding]:
    """Hold the logs against what the others said of them when their writers began."""
    sizes = {log.name: log.records for log in verified}
    for name, size in mentioned.items():
        if name not in trail.logs:
            text = f"other logs know it with {size} records, but it is not in the list of logs: it was removed"
            yield Finding(FindingKind.MISSING, name, text)
        elif name in sizes and sizes[name] < size:
            text = f"other logs know it with {size} records, and it has {sizes[name]}: its end was cut off"
            yield Finding(FindingKind.CUT, name, text)
