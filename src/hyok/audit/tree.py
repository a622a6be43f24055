"""The Merkle tree over a log's records (RFC 6962, 2.1), of which a writer keeps no more than log2(size) hashes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()


def hash_leaf(record: bytes) -> bytes:
    """Hash one record: its line without the line feed."""
    return sha256(b"\x00" + record).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """Hash two subtrees into the one above them."""
    return sha256(b"\x01" + left + right).digest()


class MerkleTree:
    """A tree that grows at its end, with the roots of its complete subtrees and nothing else."""

    __slots__ = ("frontier", "size")

    def __init__(self, size: int = 0, frontier: Iterable[bytes] = ()) -> None:
        """Go on from a tree of `size` leaves. ValueError if `frontier` has not one hash for each bit set in it."""
        self.size = size
        """How many leaves it has."""
        self.frontier = list(frontier)
        """The roots of its complete subtrees, the largest and leftmost first."""
        if len(self.frontier) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} complete subtrees")

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Add the hashes of further records."""
        frontier, size = self.frontier, self.size
        for leaf in leaves:
            root, level = leaf, size
            while level & 1:
                root = sha256(b"\x01" + frontier.pop() + root).digest()
                level >>= 1
            frontier.append(root)
            size += 1
        self.size = size

    def root(self) -> bytes:
        """Return the root hash of all leaves."""
        return root_of_frontier(self.frontier)

    def copy(self) -> MerkleTree:
        """Return a tree of its own with the same leaves."""
        return MerkleTree(self.size, self.frontier)


def root_of_frontier(frontier: Sequence[bytes]) -> bytes:
    """Return the root over the complete subtrees, the largest first."""
    if not frontier:
        return EMPTY_ROOT
    root = frontier[-1]
    for subtree in reversed(frontier[:-1]):
        root = hash_node(subtree, root)
    return root
