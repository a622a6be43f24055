"""The Merkle tree of RFC 6962."""

from __future__ import annotations

import pytest

from hyok.audit.tree import EMPTY_ROOT, MerkleTree, hash_leaf, hash_node

# The inputs and roots that implementations of RFC 6962 share since Certificate Transparency's first test data.
INPUTS = tuple(
    bytes.fromhex(each)
    for each in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
)
ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def root_by_definition(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1, as it is written there."""
    if not leaves:
        return EMPTY_ROOT
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hash_node(root_by_definition(leaves[:split]), root_by_definition(leaves[split:]))


@pytest.mark.parametrize("size", range(len(ROOTS)))
def test_the_roots_are_those_that_everybody_has(size: int) -> None:
    tree = MerkleTree()
    tree.extend([hash_leaf(each) for each in INPUTS[:size]])

    assert tree.root().hex() == ROOTS[size]


def test_a_tree_that_grows_has_the_root_of_the_definition_at_every_size() -> None:
    leaves = [hash_leaf(b"%d" % number) for number in range(200)]
    tree = MerkleTree()
    for size in range(201):
        assert tree.root() == root_by_definition(leaves[:size])
        tree.extend(leaves[size : size + 1])


def test_a_tree_goes_on_from_its_frontier() -> None:
    leaves = [hash_leaf(b"%d" % number) for number in range(100)]
    whole = MerkleTree()
    whole.extend(leaves)
    for size in (0, 1, 63, 64, 77):
        first = MerkleTree()
        first.extend(leaves[:size])
        rest = MerkleTree(size, first.frontier)
        rest.extend(leaves[size:])
        assert rest.root() == whole.root()


def test_a_frontier_that_does_not_fit_the_size_is_refused() -> None:
    with pytest.raises(ValueError, match="3 leaves has 2"):
        MerkleTree(3, [EMPTY_ROOT])
