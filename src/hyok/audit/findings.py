"""What is wrong with a trail, and where."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class FindingKind(Enum):
    """The kinds of what verification finds."""

    ALTERED = "altered"
    """A record is not the one that was written."""
    MISSING = "missing"
    """A record, a segment or a log is not there."""
    ADDED = "added"
    """A record, a segment or a log was never written by hyok."""
    REORDERED = "reordered"
    """A record stands at another place than it was written to."""
    CUT = "cut"
    """The end of a log is not there."""
    UNSIGNED = "unsigned"
    """Records that no checkpoint covers, though nobody writes them any more."""
    SIGNATURE = "signature"
    """A checkpoint or the list of logs is not signed by the trail's key, or does not fit the records."""


class Finding(NamedTuple):
    """One thing that is wrong."""

    kind: FindingKind
    log: str
    text: str
    """A sentence for people, without the place."""
    record: int | None = None
    """Its number in the log, from 0."""
    segment: int | None = None
    line: int | None = None
    """In the segment's file, from 1."""
    byte: int | None = None
    """Where that line begins in the segment's file, from 0."""

    def place(self) -> str:
        """Say where: log, segment, line and byte, as far as they are known."""
        parts = [self.log]
        if self.segment is not None:
            parts.append(f"{self.segment:06}.jsonl")
        if self.line is not None:
            parts.append(f"line {self.line}, byte {self.byte}")
        if self.record is not None:
            parts.append(f"record {self.record}")
        return ", ".join(parts)
