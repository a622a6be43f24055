"""Which lines of a segment are not what was written, by the hashes of what was written; no I/O.

The hashes are kept in a file of their own beside the lines; where they make up the root hash of a signed checkpoint,
they are what was written, and each line that differs is known exactly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from hyok.audit.findings import FindingKind


class Difference(NamedTuple):
    """One line that differs."""

    kind: FindingKind
    position: int
    """Among the lines there are, from 0; of one that is missing, where it should stand."""
    expected: int | None
    """Among the lines that were written, from 0; None if this one never was."""


def find_differences(found: Sequence[bytes], written: Sequence[bytes]) -> Iterator[Difference]:
    """Yield how the lines found differ from those written, both by their hashes, in the order of the lines found."""
    there = Counter(found)
    where = {each: number for number, each in reversed(list(enumerate(written)))}
    moved: set[int] = set()
    expected = position = 0
    while position < len(found):
        while expected in moved:
            expected += 1  # it stood further up
        line = found[position]
        wanted = written[expected] if expected < len(written) else None
        if line == wanted:
            position, expected = position + 1, expected + 1
            continue
        origin = where.get(line)
        if origin is None:
            is_in_place_of_another = wanted is not None and there[wanted] == 0
            kind = FindingKind.ALTERED if is_in_place_of_another else FindingKind.ADDED
            yield Difference(kind, position, expected if is_in_place_of_another else None)
            expected += is_in_place_of_another
            position += 1
        elif origin < expected or (position + 1 < len(found) and found[position + 1] == wanted):
            # It was written before this place, or the line that belongs here follows: this one alone was moved.
            is_copy = there[line] > 1
            yield Difference(FindingKind.ADDED if is_copy else FindingKind.REORDERED, position, origin)
            there[line] -= is_copy
            if origin >= expected and not is_copy:
                moved.add(origin)
            position += 1
        else:
            # What was written between is not here: missing, if it is nowhere else.
            yield from (
                Difference(FindingKind.MISSING, position, number)
                for number in range(expected, origin)
                if number not in moved and there[written[number]] == 0
            )
            expected = origin
    for number in range(expected, len(written)):
        if number not in moved and there[written[number]] == 0:
            yield Difference(FindingKind.MISSING, len(found), number)
