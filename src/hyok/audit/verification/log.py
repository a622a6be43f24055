"""Judge one log: its tree, grown record by record, against what signed checkpoints say that it must have been."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import NamedTuple

from hyok.audit.checkpoints import Checkpoint
from hyok.audit.errors import NoteError
from hyok.audit.findings import Finding, FindingKind
from hyok.audit.layout import LogPlace
from hyok.audit.notes import VerificationKey
from hyok.audit.recovery import read_hashes
from hyok.audit.structure import SegmentBegun
from hyok.audit.tree import MerkleTree
from hyok.audit.verification.lines import Lines, judge_signed, locate_wrong
from hyok.audit.verification.reading import Claim, LogReader, Progress, has_writer


class VerifiedLog(NamedTuple):
    """One log, verified."""

    name: str
    records: int
    segments: int
    first_record: int
    """The first that is there; those before were retired."""
    signed_records: int
    """Up to which the newest checkpoint goes."""
    root: bytes
    """Of all records that are there, in hexadecimal for people."""


class LogCheck:
    """The verification of one log."""

    def __init__(self, place: LogPlace, key: VerificationKey, kept: Sequence[Checkpoint], progress: Progress) -> None:
        self.findings: list[Finding] = []
        self._place = place
        self._reader = LogReader(place, key, progress)
        self._due = [Claim(each, "the checkpoint given") for each in kept]
        """What the log must still prove to have been, by increasing size."""
        self._tree = MerkleTree()
        self._is_sure = True
        """Whether a checkpoint vouches for the tree so far, so that a segment that begins elsewhere was altered."""
        self._first_record = 0
        self._first_root = ""
        self._lines_of_last = 0
        """How many the last segment that was read has."""
        self._known_missing = 0
        """How many fewer records than written the last segment that is wrong has, by the findings."""

    @property
    def mentioned(self) -> dict[str, int]:
        """The sizes of other logs, as the records of this one have them."""
        return self._reader.mentioned

    def run(self) -> VerifiedLog | None:
        """Verify it and fill `findings`; None if there is nothing of it."""
        place = self._place
        if not place.directory.is_dir() or not place.segments():
            self._find(FindingKind.MISSING, "this log is in the list of logs, but its records are not there")
            return None
        # 1. What the log must have been. Read before its records: a writer may add to both.
        newest = self._read_claim("the newest checkpoint")
        if newest is not None:
            self._due.append(newest)
        self._due.sort(key=lambda claim: claim.size)
        is_written = has_writer(place)
        # 2. Its segments.
        numbers = self._reader.segments()
        self._check_segments(numbers, is_written=is_written)
        # 3. What is missing before and after them.
        self._check_retired(numbers[0])
        self._check_end(numbers[-1])
        if newest is not None and not is_written and not self.findings:
            self._check_unsigned(newest)
        signed = newest.size if newest is not None else 0
        return VerifiedLog(place.name, self._tree.size, len(numbers), self._first_record, signed, self._tree.root())

    def _check_segments(self, numbers: Sequence[int], *, is_written: bool) -> None:
        first, last = numbers[0], numbers[-1]
        for number in range(first, last + 1):
            if number not in numbers:
                self._find(FindingKind.MISSING, "this segment is not there", segment=number)
                self._leave_out(number + 1)
                continue
            self._begin(number, is_first=number == first)
            closing = None
            # A writer signs the end of a segment a moment after it has begun the next.
            may_be_unsigned = is_written and number == last - 1
            if number != last and (self._place.closing_checkpoint_file(number).exists() or not may_be_unsigned):
                closing = self._read_claim("the checkpoint of the segment's end", segment=number)
            self._check_segment(number, closing, is_last=number == last)

    def _begin(self, number: int, *, is_first: bool) -> None:
        """Compare where a segment begins with the tree so far, or begin the tree with it."""
        begun = self._reader.beginning(number)
        if is_first and number > 1:
            if begun is None:
                self._find(FindingKind.MISSING, "the first record of the segment is not there", segment=number)
            else:
                self._begin_after_retired(begun)
        elif begun is not None and not self._is_sure and self._is_elsewhere(begun):
            text = f"the segment begins at record {begun.records}, and those before it end at {self._tree.size}"
            self._find(FindingKind.ALTERED, text, segment=number)
            self._go_on_from(begun)

    def _begin_after_retired(self, begun: SegmentBegun) -> None:
        self._go_on_from(begun)
        self._first_record = self._tree.size
        self._first_root = base64.b64encode(self._tree.root()).decode()
        for checkpoint, source in self._due:
            if checkpoint.size == self._tree.size and checkpoint.root != self._tree.root():
                text = f"what was retired is not what {source} says"
                self._find(FindingKind.ALTERED, text, segment=begun.segment)

    def _check_segment(self, number: int, closing: Claim | None, *, is_last: bool) -> None:
        lines = Lines(number, self._tree.copy())
        claims = [*self._due, closing] if closing is not None else self._due
        due = sorted((claim for claim in claims if claim.size > self._tree.size), key=lambda claim: claim.size)
        signed_size = due[-1].size if due else self._tree.size
        broken = self._grow(lines, due)
        lines.kept = read_hashes(self._place.hashes_file(number))
        if closing is not None and closing.size != self._tree.size:
            broken = broken or closing
        self._due = [claim for claim in self._due if claim.size > self._tree.size]
        if is_last and broken is None and self._due and lines.differ_within():
            broken = self._due[0]  # it is not reached because records are missing, and not at the end alone
        if broken is None:
            self.findings += judge_signed(self._place, lines, signed_size=signed_size)
        else:
            located = locate_wrong(self._place, lines, broken)
            self.findings += located.findings
            self._known_missing = located.missing
        self._lines_of_last = len(lines.found)
        self._is_sure = closing is not None and (broken is None or self._resume(number + 1, closing))

    def _grow(self, lines: Lines, due: list[Claim]) -> Claim | None:
        """Add a segment's lines to the tree and compare it with what is due on the way.

        Returns what did not fit, the largest of several: it vouches for the most hashes.
        """
        broken = None
        for chunk in self._reader.leaves(lines.number):
            lines.found += chunk
            at = 0
            while due and due[0].size <= self._tree.size + len(chunk) - at:
                claim = due.pop(0)
                step = claim.size - self._tree.size
                self._tree.extend(chunk[at : at + step])
                at += step
                if self._tree.root() != claim.checkpoint.root:
                    broken = claim
            self._tree.extend(chunk[at:])
        return broken

    def _resume(self, following: int, closing: Claim) -> bool:
        """Go on behind a segment that is wrong from what its checkpoint says: the next may be right."""
        tree = _tree_of(self._reader.beginning(following))
        if tree is None or (tree.size, tree.root()) != (closing.size, closing.checkpoint.root):
            return False
        self._tree = tree
        self._due = [claim for claim in self._due if claim.size > tree.size]
        return True

    def _leave_out(self, following: int) -> None:
        """Go on behind a segment that is not there."""
        begun = self._reader.beginning(following)
        if begun is not None:
            self._go_on_from(begun)
            self._due = [claim for claim in self._due if claim.size > self._tree.size]

    def _check_retired(self, first: int) -> None:
        if first > 1 and self._reader.retired_up_to < first - 1:
            text = f"the segments before {first:06} are not there, and no record says that they were retired"
            self._find(FindingKind.MISSING, text, segment=first - 1)
        elif self._reader.retired_roots.get(self._first_record, self._first_root) != self._first_root:
            text = (
                "the record of what was retired before this segment says another root hash than the segment begins with"
            )
            self._find(FindingKind.ALTERED, text, segment=first)

    def _check_end(self, last: int) -> None:
        size = self._tree.size
        for checkpoint, source in self._due:
            if checkpoint.size - size == self._known_missing:
                continue  # each of them was named
            text = f"{source} says {checkpoint.size} records, and there are {size}: the end was cut off"
            line = self._lines_of_last + 1
            byte = self._place.segment_file(last).stat().st_size
            self.findings.append(Finding(FindingKind.CUT, self._place.name, text, size, last, line, byte))

    def _check_unsigned(self, newest: Claim) -> None:
        count = self._tree.size - newest.size
        if count > 0:
            text = (
                f"the last {count} records are not signed: their writer was cut off before it could, or "
                "they were added; the next start of hyok signs them as they are, and says so"
            )
            self._find(FindingKind.UNSIGNED, text, record=newest.size)

    def _read_claim(self, source: str, segment: int | None = None) -> Claim | None:
        """Read the checkpoint of a segment's end, or the newest one."""
        place = self._place
        file = place.checkpoint_file if segment is None else place.closing_checkpoint_file(segment)
        try:
            return self._reader.claim(file, source)
        except NoteError as error:
            self._find(FindingKind.SIGNATURE, str(error), segment=segment)
            return None

    def _is_elsewhere(self, begun: SegmentBegun) -> bool:
        tree = _tree_of(begun)
        # One that is altered itself the hashes tell.
        return tree is not None and (tree.size, tree.frontier) != (self._tree.size, self._tree.frontier)

    def _go_on_from(self, begun: SegmentBegun) -> None:
        tree = _tree_of(begun)
        if tree is None:
            text = "the first record of the segment was altered"
            self._find(FindingKind.ALTERED, text, segment=begun.segment)
        else:
            self._tree = tree

    def _find(self, kind: FindingKind, text: str, *, record: int | None = None, segment: int | None = None) -> None:
        self.findings.append(Finding(kind, self._place.name, text, record, segment))


def _tree_of(begun: SegmentBegun | None) -> MerkleTree | None:
    """Return the tree with which a segment begins; None if there is none, or it was altered."""
    if begun is None:
        return None
    try:
        return begun.tree()
    except ValueError:
        return None
