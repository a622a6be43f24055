"""A log's tree, which grows a moment after its file: lines are hashed in bulk.

Request by request, hashing would cost twice as much: its code would have left the processor's caches each time. Under
load the thread that writes hashes, some at a time: a second thread would take the interpreter from it at every system
call, which costs more than the hashing.
"""

from __future__ import annotations

import threading
from hashlib import sha256
from typing import Final

from hyok.audit.tree import MerkleTree

LINES_AT_ONCE: Final = 128
"""So many at most, that nobody waits long."""
LINES_TO_HASH_AT: Final = 64
"""When so many wait, it is time to hash them: about 0.1 ms."""


class GrowingTree:
    """A tree and the lines that are still to be hashed into it. One thread adds, any may hash."""

    def __init__(self, tree: MerkleTree) -> None:
        self._tree = tree
        self._lines: list[bytes] = []
        self._lock = threading.Lock()
        self._fresh: list[bytes] = []
        """Hashes that nobody has taken yet."""

    @property
    def size(self) -> int:
        """How many records the log has."""
        with self._lock:
            return self._tree.size + len(self._lines)

    def add(self, lines: list[bytes]) -> None:
        """Take lines that are in the file now."""
        self._lines += lines

    def _hash_some(self) -> bool:
        """Hash the lines that have waited longest; returns whether more wait."""
        with self._lock:
            lines = self._lines[:LINES_AT_ONCE]
            hashes = [sha256(b"\x00" + line).digest() for line in lines]
            self._tree.extend(hashes)
            self._fresh += hashes
            del self._lines[: len(lines)]  # whoever adds meanwhile adds behind these
            return bool(self._lines)

    def keep_up(self) -> None:
        """Hash what has piled up, unless it is too little to be worth it."""
        while len(self._lines) >= LINES_TO_HASH_AT:
            self._hash_some()

    def settle(self) -> MerkleTree:
        """Hash all that waits, at once, and return the tree as it then is."""
        while self._hash_some():
            pass
        with self._lock:
            return self._tree.copy()

    def take_hashes(self) -> list[bytes]:
        """Return the hashes that were made since the last call, in order."""
        with self._lock:
            fresh, self._fresh = self._fresh, []
        return fresh
