"""Where everything of a trail lies: a directory with one directory for each log, and in that its segments.

logs.note                the signed list of the logs there are
proxy-1/                 one log: it has one writer at a time, which holds `lock`
    000001.jsonl         a segment: one record a line, at most so large or so old
    000001.hashes        the hash of each of its records, 32 bytes each: proofs come from it, and the place of an edit
    000001.checkpoint    the log as it was at the end of this segment, signed
    000002.jsonl         ...
    checkpoint           the log as it was a second ago, signed
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

DIRECTORY_MODE: Final = 0o700
FILE_MODE: Final = 0o600
LIST_FILE: Final = "logs.note"
ADMINISTRATION: Final = "administration"
"""The log of what operators change."""

_SEGMENT: Final = re.compile(r"([0-9]{6,12})\.jsonl\Z")
_LOG: Final = re.compile(r"[a-z][a-z0-9-]{0,62}\Z")


class LogPlace(NamedTuple):
    """One log of a trail."""

    directory: Path
    """The log's own."""
    origin: str
    """Its name in checkpoints: that of the trail, a slash, and its own."""

    @property
    def name(self) -> str:
        """Its name in the trail."""
        return self.directory.name

    @property
    def lock_file(self) -> Path:
        """What its writer holds locked."""
        return self.directory / "lock"

    @property
    def checkpoint_file(self) -> Path:
        """Its newest checkpoint."""
        return self.directory / "checkpoint"

    def segment_file(self, number: int) -> Path:
        """Return where the records of a segment are."""
        return self.directory / f"{number:06}.jsonl"

    def hashes_file(self, number: int) -> Path:
        """Return where the hashes of a segment's records are."""
        return self.directory / f"{number:06}.hashes"

    def closing_checkpoint_file(self, number: int) -> Path:
        """Return where the checkpoint of a segment's end is."""
        return self.directory / f"{number:06}.checkpoint"

    def segments(self) -> list[int]:
        """Return the numbers of the segments that are there, in order."""
        found = (_SEGMENT.match(each.name) for each in self.directory.iterdir())
        return sorted(int(match[1]) for match in found if match)


def is_log_name(name: str) -> bool:
    """Tell whether a log may be called so."""
    return _LOG.match(name) is not None
