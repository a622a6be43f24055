"""Finish the segments that a writer had ended, and was killed before their end was signed."""

from __future__ import annotations

from hyok.audit.checkpoints import Checkpoint
from hyok.audit.errors import BrokenLogError
from hyok.audit.layout import LogPlace
from hyok.audit.notes import Signer
from hyok.audit.recovery import find_beginning, split_lines
from hyok.audit.trail import replace_file
from hyok.audit.tree import MerkleTree, hash_leaf


def finish_abandoned(place: LogPlace, last_segment: int, signer: Signer) -> None:
    """Sign the end of each segment before the last that has no checkpoint yet, and complete its hashes.

    BrokenLogError if its records are not those that the next segment begins with. OSError.
    """
    numbers = [number for number in place.segments() if number < last_segment]
    for number in reversed(numbers):
        if place.closing_checkpoint_file(number).exists():
            return  # they are signed in order
        _finish(place, number, signer)


def _finish(place: LogPlace, number: int, signer: Signer) -> None:
    lines, _ = split_lines(place.segment_file(number).read_bytes())
    following, _ = split_lines(place.segment_file(number + 1).read_bytes())
    begun, next_begun = find_beginning(lines, number), find_beginning(following, number + 1)
    hashes = [hash_leaf(line) for line in lines]
    try:
        tree = begun.tree() if begun is not None else MerkleTree()
        expected = next_begun.tree() if next_begun is not None else MerkleTree()
    except ValueError as error:
        raise BrokenLogError(f"the first record of a segment of the log {place.name} was altered") from error
    tree.extend(hashes)
    if (tree.size, tree.frontier) != (expected.size, expected.frontier):
        raise BrokenLogError(f"the records of {place.segment_file(number)} are not those that the next begins with")
    replace_file(place.hashes_file(number), b"".join(hashes))
    checkpoint = Checkpoint(place.origin, tree.size, tree.root())
    replace_file(place.closing_checkpoint_file(number), checkpoint.sign(signer))
