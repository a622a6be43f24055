"""Invariant: any bytes are refused with NoteError or read as a proof; none proves anything but what was proved."""

from __future__ import annotations

from hyok.audit.checkpoints import Checkpoint
from hyok.audit.errors import NoteError
from hyok.audit.notes import Signer
from hyok.audit.proof_checking import Consistency, Inclusion, check_consistency, check_inclusion, parse_proof
from hyok.audit.proofs import LogHashes, prove_consistency, prove_inclusion
from hyok.audit.tree import hash_leaf

_SIGNER = Signer(bytes(range(32)))
_RECORDS = [b"record %d" % number for number in range(13)]
_LOG = LogHashes(0, {}, [hash_leaf(record) for record in _RECORDS])
_SIGNED = Checkpoint("log", 13, _LOG.root_of(0, 13)).sign(_SIGNER)
_OLD = Checkpoint("log", 6, _LOG.root_of(0, 6))

SEEDS = (
    Inclusion(5, tuple(prove_inclusion(_LOG, 5, 13)), _SIGNED).encode(),
    Consistency(6, tuple(prove_consistency(_LOG, 6, 13)), _SIGNED).encode(),
)


def fuzz_one(data: bytes) -> None:
    """Read bytes as a proof and check it."""
    try:
        proof = parse_proof(data)
    except NoteError:
        return
    try:
        if isinstance(proof, Inclusion):
            check_inclusion(proof, _RECORDS[5], _SIGNER.key)
            assert proof.number == 5  # the seed's
        else:
            check_consistency(proof, _OLD, _SIGNER.key)
            assert proof.old_size == _OLD.size
    except NoteError:
        return
