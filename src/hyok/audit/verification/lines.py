"""Judge the lines of one segment by the hashes that were kept of them when they were written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, NamedTuple

from hyok.audit.checkpoints import Checkpoint
from hyok.audit.findings import Finding, FindingKind
from hyok.audit.layout import LogPlace
from hyok.audit.location import Difference, find_differences
from hyok.audit.tree import MerkleTree
from hyok.audit.verification.reading import Claim, line_offsets

MOST_FINDINGS: Final = 100
"""Of one segment; beyond it only says that there are more."""


@dataclass(slots=True)
class Lines:
    """The lines of a segment, by their hashes."""

    number: int
    """The segment's."""
    start: MerkleTree
    """Of all records before it."""
    found: list[bytes] = field(default_factory=list)
    """What the lines that are there come to."""
    kept: list[bytes] = field(default_factory=list)
    """What the file of hashes says."""

    def differ_within(self) -> bool:
        """Tell whether lines and hashes differ where there are both."""
        return self.kept[: len(self.found)] != self.found[: len(self.kept)]


class Located(NamedTuple):
    """What is wrong with a segment that a checkpoint does not fit."""

    findings: tuple[Finding, ...]
    missing: int
    """How many fewer records than were written it has, as far as they are known."""


def judge_signed(place: LogPlace, lines: Lines, *, signed_size: int) -> Iterator[Finding]:
    """Compare lines that fit every checkpoint with their hashes; from `signed_size` on, no checkpoint speaks."""
    pairs = zip(lines.kept, lines.found, strict=False)
    different = next((at for at, (kept, found) in enumerate(pairs) if kept != found), None)
    if different is None:
        return
    record = lines.start.size + different
    if record < signed_size:
        text = "the file of hashes does not fit the records, which are right: it was altered"
        yield Finding(FindingKind.ALTERED, place.name, text, segment=lines.number)
    else:
        text = "records that are not signed yet do not fit the hashes kept of them: one of both was altered"
        yield Finding(FindingKind.ALTERED, place.name, text, record, lines.number)


def locate_wrong(place: LogPlace, lines: Lines, broken: Claim) -> Located:
    """Say which lines are wrong, where a checkpoint tells that some are."""
    found = list(islice(_differing(place, lines), MOST_FINDINGS + 1))
    kinds = Counter(each.kind for each in found)
    doubts = tuple(
        Finding(FindingKind.ALTERED, place.name, text, segment=lines.number)
        for text in _doubts(lines, broken, count=len(found))
    )
    return Located((*found[:MOST_FINDINGS], *doubts), kinds[FindingKind.MISSING] - kinds[FindingKind.ADDED])


def _doubts(lines: Lines, broken: Claim, *, count: int) -> Iterator[str]:
    """Yield how far the findings, so many of them, may not be all."""
    if count > MOST_FINDINGS:
        yield f"more than {MOST_FINDINGS} records are wrong"
    if not count:
        yield (
            f"the records are not those of {broken.source} ({broken.size} records); which of them is not known, as "
            "the file of hashes was altered too"
        )
    elif not _makes_up(lines.start, lines.kept, broken.checkpoint):
        yield "the file of hashes was altered too: more records than those named can be wrong"


def _differing(place: LogPlace, lines: Lines) -> Iterator[Finding]:
    offsets = line_offsets(place, lines.number)
    for different in find_differences(lines.found, lines.kept):
        kind, position, expected = different
        text = _describe(different, is_at_end=position >= len(lines.found))
        record = lines.start.size + expected if expected is not None else None
        yield Finding(kind, place.name, text, record, lines.number, position + 1, offsets[position])


def _describe(different: Difference, *, is_at_end: bool) -> str:
    if different.kind is FindingKind.MISSING and is_at_end:
        return "a record is missing at the end of the segment"
    return {
        FindingKind.ALTERED: "this record was altered",
        FindingKind.MISSING: "a record is missing before this line",
        FindingKind.ADDED: "this record was added",
        FindingKind.REORDERED: "this record was moved here from another place",
    }[different.kind]


def _makes_up(start: MerkleTree, kept: list[bytes], checkpoint: Checkpoint) -> bool:
    count = checkpoint.size - start.size
    if not 0 <= count <= len(kept):
        return False
    tree = start.copy()
    tree.extend(kept[:count])
    return tree.root() == checkpoint.root
