"""Proofs about logs, checked by the code that knows no log."""

from __future__ import annotations

from pathlib import Path

import pytest

from hyok.audit.administration import append_administrative
from hyok.audit.checkpoints import Checkpoint, open_checkpoint
from hyok.audit.errors import BrokenLogError, NoteError
from hyok.audit.proof_checking import (
    Consistency,
    Inclusion,
    check_consistency,
    check_inclusion,
    parse_proof,
)
from hyok.audit.proofs import LogHashes, prove_consistency, prove_inclusion, read_log_hashes
from hyok.audit.reader import read_log
from hyok.audit.trail import read_trail
from hyok.audit.tree import MerkleTree, hash_leaf
from hyok.audit.writer import Rotation
from tests.sizes import size
from tests.unit.audit.logs import new_signer
from tests.unit.audit.test_tree import INPUTS

SIGNER = new_signer()
MOST = size(usual=40, nightly=200)
RECORDS = [b"record %d" % number for number in range(MOST)]
LEAVES = [hash_leaf(record) for record in RECORDS]


def tree_of(count: int) -> MerkleTree:
    tree = MerkleTree()
    tree.extend(LEAVES[:count])
    return tree


def checkpoint_of(count: int) -> Checkpoint:
    return Checkpoint("log", count, tree_of(count).root())


def hashes_from(first: int, count: int) -> LogHashes:
    """The hashes of a log whose first records were retired."""
    tree, ranges, at = tree_of(first), {}, 0
    for root in tree.frontier:
        width = 1 << ((first - at).bit_length() - 1)
        ranges[at, at + width] = root
        at += width
    return LogHashes(first, ranges, LEAVES[first:count])


WHOLE = hashes_from(0, MOST)


def test_the_paths_are_those_of_the_shared_test_data() -> None:
    hashes = LogHashes(0, {}, [hash_leaf(each) for each in INPUTS])

    assert [each.hex() for each in prove_inclusion(hashes, 5, 8)] == [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]
    assert [each.hex() for each in prove_consistency(hashes, 6, 8)] == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def test_every_record_of_every_size_is_proved() -> None:
    for count in range(1, MOST + 1):
        signed = checkpoint_of(count).sign(SIGNER)
        for number in range(count):
            proof = Inclusion(number, tuple(prove_inclusion(WHOLE, number, count)), signed)
            assert parse_proof(proof.encode()) == proof
            assert check_inclusion(proof, RECORDS[number], SIGNER.key).size == count


def test_every_growth_is_proved() -> None:
    for count in range(1, MOST + 1):
        signed = checkpoint_of(count).sign(SIGNER)
        for old in range(1, count + 1):
            proof = Consistency(old, tuple(prove_consistency(WHOLE, old, count)), signed)
            assert parse_proof(proof.encode()) == proof
            assert check_consistency(proof, checkpoint_of(old), SIGNER.key).size == count


def test_records_behind_retired_ones_are_proved() -> None:
    for first in range(1, MOST):
        hashes = hashes_from(first, MOST)
        signed = checkpoint_of(MOST).sign(SIGNER)
        for number in range(first, MOST):
            proof = Inclusion(number, tuple(prove_inclusion(hashes, number, MOST)), signed)
            check_inclusion(proof, RECORDS[number], SIGNER.key)
        for old in range(first, MOST):
            growth = Consistency(old, tuple(prove_consistency(hashes, old, MOST)), signed)
            check_consistency(growth, checkpoint_of(old), SIGNER.key)
        with pytest.raises(BrokenLogError, match="cannot be proved"):
            prove_inclusion(hashes, first - 1, MOST)


def test_another_record_or_number_is_refused() -> None:
    proof = Inclusion(5, tuple(prove_inclusion(WHOLE, 5, MOST)), checkpoint_of(MOST).sign(SIGNER))

    for wrong, record in ((proof, RECORDS[6]), (proof._replace(number=6), RECORDS[5]), (proof, b"")):
        with pytest.raises(NoteError):
            check_inclusion(wrong, record, SIGNER.key)
    for path in (proof.path[:-1], (*proof.path, bytes(32)), (bytes(32), *proof.path[1:]), ()):
        with pytest.raises(NoteError):
            check_inclusion(proof._replace(path=path), RECORDS[5], SIGNER.key)
    with pytest.raises(NoteError, match="none with the number"):
        check_inclusion(proof._replace(number=MOST), RECORDS[5], SIGNER.key)
    with pytest.raises(NoteError, match="is not signed by"):
        check_inclusion(proof, RECORDS[5], new_signer().key)


@pytest.mark.parametrize("old", [1, 7, 8, 20])
def test_a_log_that_was_altered_between_two_checkpoints_is_refused(old: int) -> None:
    proof = Consistency(old, tuple(prove_consistency(WHOLE, old, MOST)), checkpoint_of(MOST).sign(SIGNER))
    other = checkpoint_of(old)._replace(root=bytes(32))

    with pytest.raises(NoteError):
        check_consistency(proof, other, SIGNER.key)
    for path in (proof.path[:-1], (*proof.path, bytes(32)), (bytes(32), *proof.path[1:]), ()):
        with pytest.raises(NoteError):
            check_consistency(proof._replace(path=path), checkpoint_of(old), SIGNER.key)
    with pytest.raises(NoteError, match="not about"):
        check_consistency(proof, checkpoint_of(old + 1), SIGNER.key)


def test_two_contents_of_one_size_are_refused() -> None:
    proof = Consistency(MOST, (), checkpoint_of(MOST).sign(SIGNER))

    check_consistency(proof, checkpoint_of(MOST), SIGNER.key)
    with pytest.raises(NoteError, match="different contents were signed"):
        check_consistency(proof, checkpoint_of(MOST)._replace(root=bytes(32)), SIGNER.key)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"old 1",
        b"old x\n\nnote",
        b"old 01\n\nnote",
        b"index 1\n\nnote",
        b"c2sp.org/tlog-proof@v1\n\nnote",
        b"c2sp.org/tlog-proof@v1\nold 1\n\nnote",
        b"old 1\nAAAA\n\nnote",
        b"old 1\nno hash\n\nnote",
        b"old 1\n" + b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n" * 64 + b"\nnote",
        b"\xff\n\nnote",
    ],
)
def test_what_is_no_proof_is_refused(content: bytes) -> None:
    with pytest.raises(NoteError):
        parse_proof(content)


def test_the_records_of_a_log_on_the_disk_are_proved(tmp_path: Path) -> None:
    for number in range(20):
        append_administrative(tmp_path, SIGNER, {"n": number}, rotation=Rotation(segment_bytes=500))
    place = read_trail(tmp_path, SIGNER.key).place("administration")
    signed = place.checkpoint_file.read_bytes()
    count = open_checkpoint(signed, SIGNER.key).size
    assert len(place.segments()) > 3

    for first in (1, 3):
        for number in [each for each in place.segments() if each < first]:
            place.segment_file(number).unlink()
        hashes = read_log_hashes(place)
        assert hashes.size == count
        for record in read_log(place):
            proof = Inclusion(record.number, tuple(prove_inclusion(hashes, record.number, count)), signed)
            check_inclusion(proof, record.line, SIGNER.key)
