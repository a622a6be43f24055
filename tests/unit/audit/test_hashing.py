from __future__ import annotations

from hyok.audit.hashing import LINES_TO_HASH_AT, GrowingTree
from hyok.audit.tree import MerkleTree, hash_leaf

LINES = [b"%d" % number for number in range(1000)]


def test_what_piles_up_in_one_turn_is_hashed_in_that_turn_however_much_it_is() -> None:
    growing = GrowingTree(MerkleTree())
    growing.add(list(LINES))
    growing.keep_up()
    assert 1000 - LINES_TO_HASH_AT < len(growing.take_hashes()) <= 1000
    assert growing.size == 1000


def test_little_is_left_for_later_and_nothing_is_lost() -> None:
    growing = GrowingTree(MerkleTree())
    growing.add(LINES[: LINES_TO_HASH_AT - 1])
    growing.keep_up()
    assert growing.take_hashes() == []
    growing.add(LINES[LINES_TO_HASH_AT - 1 :])
    plain = MerkleTree()
    plain.extend([hash_leaf(line) for line in LINES])
    assert growing.settle().root() == plain.root()
    assert growing.take_hashes() == [hash_leaf(line) for line in LINES]
