"""Verify a trail: every record of every log against the signed checkpoints, and where something is wrong.

What it takes as given is one public key, and checkpoints that were kept elsewhere. Everything else in the directory
may have been altered by whoever could write there.
"""

from __future__ import annotations

import base64
import fcntl
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from hyok.audit.checkpoints import Checkpoint, open_checkpoint
from hyok.audit.errors import NoteError
from hyok.audit.findings import Finding, FindingKind
from hyok.audit.layout import LogPlace, is_log_name
from hyok.audit.location import find_differences
from hyok.audit.notes import VerificationKey
from hyok.audit.recovery import read_hashes
from hyok.audit.structure import (
    LogOpened,
    RecordTorn,
    SegmentBegun,
    SegmentsRetired,
    WritingInterrupted,
    parse_structural,
)
from hyok.audit.trail import Trail, read_trail
from hyok.audit.tree import MerkleTree

MOST_FINDINGS: Final = 100
"""Of one segment; beyond it only says that there are more."""
_CHUNK_BYTES: Final = 4 * 1024 * 1024
_STRUCTURAL: Final = b'{"event":"'

Progress = Callable[[int], None]
"""Told of each so many bytes that were read."""


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
        checks = _LogCheck(place, key, [each for each in kept if each.origin == place.origin], progress)
        log = checks.run()
        findings += checks.findings
        for name, size in checks.mentioned.items():
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


class _LogCheck:
    """The verification of one log."""

    def __init__(self, place: LogPlace, key: VerificationKey, kept: Sequence[Checkpoint], progress: Progress) -> None:
        self._place = place
        self._key = key
        self._kept = kept
        self._progress = progress
        self._tree = MerkleTree()
        self._first_record = 0
        self._is_sure = True
        """Whether a checkpoint vouches for the tree so far, so that a segment that begins elsewhere was altered."""
        self._first_root = ""
        self._retired_up_to = 0
        """The last segment that a record says was retired."""
        self._retired_roots: dict[int, str] = {}
        """The root hash that a log had by such a record, by its size then."""
        self._due: list[tuple[Checkpoint, str]] = []
        """What the log must have been, by increasing size, and who says so."""
        self._lines_of_last = 0
        """How many the last segment that was read has."""
        self._may_be_unsigned = False
        """Whether the segment's writer may have had no time yet to sign its end."""
        self._known_missing = 0
        """How many fewer records than written the last segment that is wrong has, by the findings."""
        self.findings: list[Finding] = []
        self.mentioned: dict[str, int] = {}

    def run(self) -> VerifiedLog | None:
        place = self._place
        if not place.directory.is_dir() or not (numbers := place.segments()):
            self._find(FindingKind.MISSING, "this log is in the list of logs, but its records are not there")
            return None
        # 1. What the log must have been. Read before its records: a writer may add to both.
        newest = self._read_checkpoint(place.checkpoint_file, "the newest checkpoint")
        self._due = [(each, "the checkpoint given") for each in self._kept]
        if newest is not None:
            self._due.append((newest, "the newest checkpoint"))
        self._due.sort(key=lambda each: each[0].size)
        has_writer = _has_writer(place)
        while len(numbers) > 1 and not place.segment_file(numbers[-1]).stat().st_size:
            del numbers[-1]  # made ready for what comes
        # 2. Its segments.
        first = numbers[0]
        for number in range(first, numbers[-1] + 1):
            if number not in numbers:
                self._find(FindingKind.MISSING, "this segment is not there", segment=number)
                self._leave_out(number + 1)
                continue
            # A writer signs the end of a segment a moment after it has begun the next.
            self._may_be_unsigned = has_writer and number == numbers[-1] - 1
            self._check_segment(number, is_first=number == first, is_last=number == numbers[-1])
        # 3. What is missing before and after them.
        if first > 1 and self._retired_up_to < first - 1:
            text = f"the segments before {first:06} are not there, and no record says that they were retired"
            self._find(FindingKind.MISSING, text, segment=first - 1)
        elif self._retired_roots.get(self._first_record, self._first_root) != self._first_root:
            text = (
                "the record of what was retired before this segment says another root hash than the segment begins with"
            )
            self._find(FindingKind.ALTERED, text, segment=first)
        self._check_end(newest, numbers[-1], has_writer=has_writer)
        return VerifiedLog(
            place.name,
            self._tree.size,
            len(numbers),
            self._first_record,
            newest.size if newest is not None else 0,
            self._tree.root(),
        )

    def _check_segment(self, number: int, *, is_first: bool, is_last: bool) -> None:
        begun = _read_beginning(self._place, number)
        if begun is None and is_first and number > 1:
            self._find(FindingKind.MISSING, "the first record of the segment is not there", segment=number)
        elif begun is not None and is_first and number > 1:
            self._go_on_from(begun)
            self._first_record = self._tree.size
            self._first_root = base64.b64encode(self._tree.root()).decode()
            for checkpoint, source in self._due:
                if checkpoint.size == self._tree.size and checkpoint.root != self._tree.root():
                    text = f"what was retired is not what {source} says"
                    self._find(FindingKind.ALTERED, text, segment=number)
        elif begun is not None and not self._is_sure and self._is_elsewhere(begun):
            text = f"the segment begins at record {begun.records}, and those before it end at {self._tree.size}"
            self._find(FindingKind.ALTERED, text, segment=number)
            self._go_on_from(begun)
        start = self._tree.copy()
        due = list(self._due)
        closing = None
        closing_file = self._place.closing_checkpoint_file(number)
        if not is_last and (closing_file.exists() or not self._may_be_unsigned):
            closing = self._read_checkpoint(closing_file, "the checkpoint of the segment's end", segment=number)
            if closing is not None:
                due.append((closing, "the checkpoint of the segment's end"))
        due = sorted((each for each in due if each[0].size > start.size), key=lambda each: each[0].size)
        signed_size = due[-1][0].size if due else start.size
        leaves: list[bytes] = []
        failed: tuple[Checkpoint, str] | None = None
        for chunk in self._read_leaves(number):
            leaves += chunk
            failed = self._grow(chunk, due) or failed
        if closing is not None and closing.size != self._tree.size:
            failed = failed or (closing, "the checkpoint of the segment's end")
        self._due = [each for each in self._due if each[0].size > self._tree.size]
        kept = read_hashes(self._place.hashes_file(number))
        if is_last and failed is None and self._due and kept[: len(leaves)] != leaves[: len(kept)]:
            failed = self._due[0]  # it is not reached because records are missing, and not at the end alone
        self._check_hashes(number, start, leaves, kept, failed, signed_size=signed_size)
        self._lines_of_last = len(leaves)
        self._is_sure = closing is not None and (failed is None or self._resume(number + 1, closing))

    def _grow(self, chunk: list[bytes], due: list[tuple[Checkpoint, str]]) -> tuple[Checkpoint, str] | None:
        """Add leaves to the tree, and compare it with what is due on the way; returns what did not fit."""
        failed = None
        at = 0
        while due and due[0][0].size <= self._tree.size + len(chunk) - at:
            checkpoint, source = due.pop(0)
            step = checkpoint.size - self._tree.size
            self._tree.extend(chunk[at : at + step])
            at += step
            if self._tree.root() != checkpoint.root and failed is None:
                failed = (checkpoint, source)
        self._tree.extend(chunk[at:])
        return failed

    def _check_hashes(
        self,
        number: int,
        start: MerkleTree,
        leaves: list[bytes],
        kept: list[bytes],
        failed: tuple[Checkpoint, str] | None,
        *,
        signed_size: int,
    ) -> None:
        """Compare lines with the hashes kept of them; where a checkpoint did not fit, say which lines are wrong."""
        if failed is None:
            different = next(
                (at for at, pair in enumerate(zip(kept, leaves, strict=False)) if pair[0] != pair[1]), None
            )
            if different is not None and start.size + different < signed_size:
                text = "the file of hashes does not fit the records, which are right: it was altered"
                self._find(FindingKind.ALTERED, text, segment=number)
            elif different is not None:
                text = "records that are not signed yet do not fit the hashes kept of them: one of both was altered"
                self._find(FindingKind.ALTERED, text, record=start.size + different, segment=number)
            return
        checkpoint, source = failed
        located = list(islice(self._locate(number, start, leaves, kept), MOST_FINDINGS + 1))
        self.findings += located[:MOST_FINDINGS]
        kinds = Counter(each.kind for each in located)
        self._known_missing = kinds[FindingKind.MISSING] - kinds[FindingKind.ADDED]
        if len(located) > MOST_FINDINGS:
            self._find(FindingKind.ALTERED, f"more than {MOST_FINDINGS} records are wrong", segment=number)
        if not located:
            text = (
                f"the records are not those of {source} ({checkpoint.size} records); which of them is not known, as "
                "the file of hashes was altered too"
            )
            self._find(FindingKind.ALTERED, text, segment=number)
        elif not _makes_up(start, kept, checkpoint):
            text = "the file of hashes was altered too: more records than those named can be wrong"
            self._find(FindingKind.ALTERED, text, segment=number)

    def _locate(self, number: int, start: MerkleTree, leaves: list[bytes], kept: list[bytes]) -> Iterator[Finding]:
        offsets = _line_offsets(self._place, number)
        for kind, position, expected in find_differences(leaves, kept):
            text = {
                FindingKind.ALTERED: "this record was altered",
                FindingKind.MISSING: "a record is missing before this line",
                FindingKind.ADDED: "this record was added",
                FindingKind.REORDERED: "this record was moved here from another place",
            }[kind]
            if position >= len(leaves) and kind is FindingKind.MISSING:
                text = "a record is missing at the end of the segment"
            record = start.size + expected if expected is not None else None
            yield Finding(kind, self._place.name, text, record, number, position + 1, offsets[position])

    def _check_end(self, newest: Checkpoint | None, last: int, *, has_writer: bool) -> None:
        size = self._tree.size
        for checkpoint, source in self._due:
            if checkpoint.size - size == self._known_missing:
                continue  # each of them was named
            text = f"{source} says {checkpoint.size} records, and there are {size}: the end was cut off"
            line = self._lines_of_last + 1
            byte = self._place.segment_file(last).stat().st_size
            self.findings.append(Finding(FindingKind.CUT, self._place.name, text, size, last, line, byte))
        if newest is None:
            return
        if newest.size < size and not has_writer and not self.findings:
            text = (
                f"the last {size - newest.size} records are not signed: their writer was cut off before it could, or "
                "they were added; the next start of hyok signs them as they are, and says so"
            )
            self._find(FindingKind.UNSIGNED, text, record=newest.size)

    def _read_checkpoint(self, file: Path, what: str, segment: int | None = None) -> Checkpoint | None:
        try:
            checkpoint = open_checkpoint(file.read_bytes(), self._key)
        except FileNotFoundError:
            self._find(FindingKind.SIGNATURE, f"{what} is not there", segment=segment)
            return None
        except NoteError as error:
            self._find(FindingKind.SIGNATURE, f"{what} is not right: {error}", segment=segment)
            return None
        if checkpoint.origin != self._place.origin:
            self._find(FindingKind.SIGNATURE, f"{what} is that of {checkpoint.origin}", segment=segment)
            return None
        return checkpoint

    def _read_leaves(self, number: int) -> Iterator[list[bytes]]:
        with self._place.segment_file(number).open("rb") as file:
            while lines := file.readlines(_CHUNK_BYTES):
                if not lines[-1].endswith(b"\n"):
                    lines.pop()  # being written, or torn; no answer left for it
                self._progress(sum(map(len, lines)))
                for line in lines:
                    if line.startswith(_STRUCTURAL) and not line.startswith(b"xks_request", len(_STRUCTURAL)):
                        self._note(line[:-1])
                yield [sha256(b"\x00" + line[:-1]).digest() for line in lines]

    def _note(self, line: bytes) -> None:
        match parse_structural(line):
            case LogOpened(others=others):
                for name, size in others.items():
                    self.mentioned[name] = max(size, self.mentioned.get(name, -1))
            case SegmentsRetired(last_segment=last, records=records, root=root):
                self._retired_up_to = max(self._retired_up_to, last)
                self._retired_roots[records] = root
            case SegmentBegun() | RecordTorn() | WritingInterrupted() | None:
                pass  # of no use here

    def _is_elsewhere(self, begun: SegmentBegun) -> bool:
        try:
            tree = begun.tree()
        except ValueError:
            return False  # altered itself, which the hashes tell
        return (tree.size, tree.frontier) != (self._tree.size, self._tree.frontier)

    def _go_on_from(self, begun: SegmentBegun) -> None:
        try:
            self._tree = begun.tree()
        except ValueError:
            text = "the first record of the segment was altered"
            self._find(FindingKind.ALTERED, text, segment=begun.segment)

    def _leave_out(self, following: int) -> None:
        if self._place.segment_file(following).exists():
            begun = _read_beginning(self._place, following)
            if begun is not None:
                self._go_on_from(begun)
                self._due = [each for each in self._due if each[0].size > self._tree.size]

    def _resume(self, following: int, closing: Checkpoint) -> bool:
        """Go on behind a segment that is wrong from what its checkpoint says: the next may be right."""
        begun = _read_beginning(self._place, following) if self._place.segment_file(following).exists() else None
        if begun is None:
            return False
        try:
            tree = begun.tree()
        except ValueError:
            return False
        if (tree.size, tree.root()) != (closing.size, closing.root):
            return False
        self._tree = tree
        self._due = [each for each in self._due if each[0].size > tree.size]
        return True

    def _find(self, kind: FindingKind, text: str, *, record: int | None = None, segment: int | None = None) -> None:
        self.findings.append(Finding(kind, self._place.name, text, record, segment))


def _makes_up(start: MerkleTree, kept: list[bytes], checkpoint: Checkpoint) -> bool:
    count = checkpoint.size - start.size
    if not 0 <= count <= len(kept):
        return False
    tree = start.copy()
    tree.extend(kept[:count])
    return tree.root() == checkpoint.root


def _read_beginning(place: LogPlace, number: int) -> SegmentBegun | None:
    with place.segment_file(number).open("rb") as file:
        for line in islice(file, MOST_FINDINGS):  # torn lines can stand before it, not many
            record = parse_structural(line.rstrip(b"\n"))
            if isinstance(record, SegmentBegun) and record.segment == number:
                return record
    return None


def _line_offsets(place: LogPlace, number: int) -> list[int]:
    offsets = [0]
    with place.segment_file(number).open("rb") as file:
        for line in file:
            offsets.append(offsets[-1] + len(line))
    return offsets


def _has_writer(place: LogPlace) -> bool:
    try:
        descriptor = os.open(place.lock_file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
