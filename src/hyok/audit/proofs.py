"""Make proofs (RFC 6962, 2.1.1 and 2.1.2): that a record is in a log, and that a log only grew between two checkpoints.

What checks them stands apart, in `proof_checking.py`, and shares nothing with this file but the hash functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from hyok.audit.errors import BrokenLogError
from hyok.audit.layout import LogPlace
from hyok.audit.recovery import find_beginning, read_hashes, split_lines
from hyok.audit.structure import SegmentBegun, parse_structural
from hyok.audit.tree import MerkleTree, hash_leaf, hash_node, root_of_frontier


class LogHashes(NamedTuple):
    """The hashes of a log's records; of those whose segments were retired, of their complete subtrees only."""

    first: int
    """The first record whose hash is there."""
    retired: dict[tuple[int, int], bytes]
    """The complete subtrees before it: from (inclusive) and to (exclusive) which record."""
    leaves: list[bytes]

    @property
    def size(self) -> int:
        """How many records the log has."""
        return self.first + len(self.leaves)

    def root_of(self, begin: int, end: int) -> bytes:
        """Return the root over the records from `begin` on and before `end`. BrokenLogError if they were retired."""
        if begin >= self.first:
            tree = MerkleTree()
            tree.extend(self.leaves[begin - self.first : end - self.first])
            return root_of_frontier(tree.frontier)
        known = self.retired.get((begin, end))
        if known is not None:
            return known
        if end - begin == 1 or (end <= self.first and not any(begin <= at and to <= end for at, to in self.retired)):
            raise BrokenLogError(f"record {begin} was retired with its segment; prove it from the archive")
        middle = begin + _split(end - begin)
        return hash_node(self.root_of(begin, middle), self.root_of(middle, end))


def read_log_hashes(place: LogPlace) -> LogHashes:
    """Read the hashes of all records of a log, 32 bytes each in memory. BrokenLogError if it has none."""
    numbers = [number for number in place.segments() if place.segment_file(number).stat().st_size]
    if not numbers:
        raise BrokenLogError(f"the log {place.name} has no records")
    first = _beginning(place, numbers[0])
    tree = first.tree() if first is not None else MerkleTree()
    leaves: list[bytes] = []
    for number in numbers:
        leaves += _segment_hashes(place, number, is_last=number == numbers[-1])
    return LogHashes(tree.size, _ranges(tree), leaves)


def prove_inclusion(hashes: LogHashes, number: int, size: int) -> list[bytes]:
    """Return the audit path of a record in the log of `size` records, from the leaf's sibling up."""
    if not hashes.first <= number < size <= hashes.size:
        raise BrokenLogError(
            f"record {number} cannot be proved in a log of {size}: the records {hashes.first} to {hashes.size - 1} "
            "are here"
        )
    return _path(number, 0, size, hashes.root_of)


def prove_consistency(hashes: LogHashes, old_size: int, size: int) -> list[bytes]:
    """Return the proof that the log of `size` records begins with the log of `old_size`."""
    if not 0 < old_size <= size <= hashes.size:
        raise BrokenLogError(f"a log of {old_size} records cannot be the beginning of one of {size}")
    return _subproof(old_size, 0, size, hashes.root_of, is_whole=True)


def _split(count: int) -> int:
    """Return the largest power of two below `count`."""
    return 1 << ((count - 1).bit_length() - 1)


def _path(number: int, begin: int, end: int, root_of: Callable[[int, int], bytes]) -> list[bytes]:
    if end - begin == 1:
        return []
    middle = begin + _split(end - begin)
    if number < middle:
        return [*_path(number, begin, middle, root_of), root_of(middle, end)]
    return [*_path(number, middle, end, root_of), root_of(begin, middle)]


def _subproof(
    old_end: int, begin: int, end: int, root_of: Callable[[int, int], bytes], *, is_whole: bool
) -> list[bytes]:
    if old_end == end:
        return [] if is_whole else [root_of(begin, end)]
    middle = begin + _split(end - begin)
    if old_end <= middle:
        return [*_subproof(old_end, begin, middle, root_of, is_whole=is_whole), root_of(middle, end)]
    return [*_subproof(old_end, middle, end, root_of, is_whole=False), root_of(begin, middle)]


def _ranges(tree: MerkleTree) -> dict[tuple[int, int], bytes]:
    ranges, at = {}, 0
    for bit, root in zip(_bits(tree.size), tree.frontier, strict=True):
        ranges[at, at + bit] = root
        at += bit
    return ranges


def _bits(number: int) -> list[int]:
    return [1 << bit for bit in range(number.bit_length() - 1, -1, -1) if number >> bit & 1]


def _beginning(place: LogPlace, number: int) -> SegmentBegun | None:
    with place.segment_file(number).open("rb") as file:
        record = parse_structural(file.readline().rstrip(b"\n"))
    if isinstance(record, SegmentBegun):
        return record
    lines, _ = split_lines(place.segment_file(number).read_bytes())
    return find_beginning(lines, number)


def _segment_hashes(place: LogPlace, number: int, *, is_last: bool) -> list[bytes]:
    kept = read_hashes(place.hashes_file(number))
    if kept and not is_last:
        return kept
    # What was written in the last second, or by a writer that was killed, has its hash in no file yet.
    lines, _ = split_lines(place.segment_file(number).read_bytes())
    return [hash_leaf(line) for line in lines]
