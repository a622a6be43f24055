"""What a writer finds when it opens a log: where to go on, and what the end of the last writer tore.

Nothing is ever cut off: a torn record gets its line feed, stays where it is, and a record of the tear follows. What
contradicts the log's own checkpoint or hashes was altered, or lost by the disk; such a log is left as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from hyok.audit.checkpoints import Checkpoint, open_checkpoint
from hyok.audit.errors import UNREADABLE, BrokenLogError, NoteError
from hyok.audit.layout import LogPlace
from hyok.audit.notes import VerificationKey
from hyok.audit.structure import SegmentBegun, parse_structural
from hyok.audit.tree import HASH_BYTES, MerkleTree, hash_leaf

_decode: Final = msgspec.json.Decoder().decode


class Tear(NamedTuple):
    """A line at the end of a log that is no whole record."""

    record: int
    torn_bytes: int


class Recovered(NamedTuple):
    """The last segment of a log, and the tree at its end."""

    segment: int
    """Its number; 0 if the log is new."""
    end: int
    """Its bytes."""
    start: MerkleTree
    """The tree before it."""
    tree: MerkleTree
    """The tree of all whole lines."""
    hashes: list[bytes]
    """Of the segment's whole lines."""
    is_begun: bool
    """Whether it has its first record."""
    tail: bytes
    """What stands after the last line feed."""
    tears: tuple[Tear, ...]
    """The unreadable lines at the end, the tail included."""
    lost_records: int
    """Of which only the hashes are there."""
    unsigned: int
    """How many whole lines no checkpoint covers."""


def recover_log(place: LogPlace, key: VerificationKey) -> Recovered:
    """Read the end of a log and hold it against its hashes and its newest checkpoint.

    BrokenLogError, naming the place, if they contradict one another: something was altered or lost.
    """
    numbers = [number for number in place.segments() if place.segment_file(number).stat().st_size]
    checkpoint = _read_checkpoint(place, key)
    if not numbers:
        if checkpoint is not None and checkpoint.size:
            raise BrokenLogError(
                f"the log {place.name} has no records, but its checkpoint says {checkpoint.size}: they were removed"
            )
        return Recovered(
            0, 0, MerkleTree(), MerkleTree(), [], is_begun=False, tail=b"", tears=(), lost_records=0, unsigned=0
        )
    number = numbers[-1]
    content = place.segment_file(number).read_bytes()
    lines, tail = split_lines(content)
    hashes = [hash_leaf(line) for line in lines]
    begun = find_beginning(lines, number)
    start = _tree_of(begun, place) if begun is not None else _tree_before(place, number, numbers)
    tree = start.copy()
    tree.extend(hashes)
    lost = _compare_hashes(place, number, hashes)
    if checkpoint is not None:
        _compare_checkpoint(place, checkpoint, start, hashes)
    tears = _find_tears(lines, tail, first=start.size)
    unsigned = tree.size - (checkpoint.size if checkpoint is not None else 0)
    return Recovered(number, len(content), start, tree, hashes, begun is not None, tail, tears, lost, unsigned)


def split_lines(content: bytes) -> tuple[list[bytes], bytes]:
    """Return the whole lines without their line feeds, and what stands after the last."""
    *lines, tail = content.split(b"\n")
    return lines, tail


def find_beginning(lines: list[bytes], number: int) -> SegmentBegun | None:
    """Return the first record of a segment. A crash can have left torn lines before it."""
    for line in lines:
        record = parse_structural(line)
        if isinstance(record, SegmentBegun) and record.segment == number:
            return record
    return None


def read_hashes(path: Path) -> list[bytes]:
    """Return the hashes of a segment's records, as far as they are there."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    whole = len(content) - len(content) % HASH_BYTES
    return [content[at : at + HASH_BYTES] for at in range(0, whole, HASH_BYTES)]


def _read_checkpoint(place: LogPlace, key: VerificationKey) -> Checkpoint | None:
    try:
        content = place.checkpoint_file.read_bytes()
    except FileNotFoundError:
        return None
    try:
        checkpoint = open_checkpoint(content, key)
    except NoteError as error:
        raise BrokenLogError(f"the checkpoint of the log {place.name} is not right: {error}") from error
    if checkpoint.origin != place.origin:
        raise BrokenLogError(f"the checkpoint of the log {place.name} is that of {checkpoint.origin}")
    return checkpoint


def _tree_before(place: LogPlace, number: int, numbers: list[int]) -> MerkleTree:
    """Return the tree before a segment whose first record a crash has torn, from the segment before it."""
    earlier = [each for each in numbers if each < number]
    if not earlier:
        if number == 1:
            return MerkleTree()
        raise BrokenLogError(f"the segments of the log {place.name} before {number:06} are missing")
    lines, _ = split_lines(place.segment_file(earlier[-1]).read_bytes())
    begun = find_beginning(lines, earlier[-1])
    tree = _tree_of(begun, place) if begun is not None else _tree_before(place, earlier[-1], earlier)
    tree.extend([hash_leaf(line) for line in lines])
    return tree


def _tree_of(begun: SegmentBegun, place: LogPlace) -> MerkleTree:
    try:
        return begun.tree()
    except ValueError as error:
        raise BrokenLogError(f"the first record of {place.segment_file(begun.segment)} was altered: {error}") from error


def _compare_hashes(place: LogPlace, number: int, hashes: list[bytes]) -> int:
    kept = read_hashes(place.hashes_file(number))
    for index, (kept_hash, found) in enumerate(zip(kept, hashes, strict=False)):
        if kept_hash != found:
            raise BrokenLogError(
                f"line {index + 1} of {place.segment_file(number)} is not what was written there: it was altered, or "
                "a line before it was added or removed"
            )
    return max(0, len(kept) - len(hashes))


def _compare_checkpoint(place: LogPlace, checkpoint: Checkpoint, start: MerkleTree, hashes: list[bytes]) -> None:
    if checkpoint.size > start.size + len(hashes):
        raise BrokenLogError(
            f"the log {place.name} has {start.size + len(hashes)} records, but its checkpoint says {checkpoint.size}: "
            "its end was cut off"
        )
    if checkpoint.size < start.size:
        return  # the writer stopped before the first checkpoint of this segment
    tree = start.copy()
    tree.extend(hashes[: checkpoint.size - start.size])
    if tree.root() != checkpoint.root:
        raise BrokenLogError(f"the records of the log {place.name} are not those of its checkpoint: some were altered")


def _find_tears(lines: list[bytes], tail: bytes, *, first: int) -> tuple[Tear, ...]:
    tears = [Tear(first + len(lines), len(tail))] if tail else []
    for index in range(len(lines) - 1, -1, -1):
        if _is_whole(lines[index]):
            break
        tears.append(Tear(first + index, len(lines[index])))
    return tuple(reversed(tears))


def _is_whole(line: bytes) -> bool:
    try:
        _decode(line)
    except UNREADABLE:
        return False
    return True
