"""Check proofs about logs (RFC 9162, 2.1.3.2 and 2.1.4.2): all that an auditor needs who has no log. No I/O.

Kept apart from what makes proofs, and short: the code to read, or to write once more, for whoever trusts nobody.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from hyok.audit.checkpoints import Checkpoint, open_checkpoint
from hyok.audit.errors import NoteError
from hyok.audit.notes import VerificationKey, decode_base64

INCLUSION_HEAD: Final = "c2sp.org/tlog-proof@v1"
_HASH_BYTES: Final = 32
_MOST_HASHES: Final = 63


class Inclusion(NamedTuple):
    """A proof that one record is in a log (C2SP tlog-proof)."""

    number: int
    """Of the record, from 0."""
    path: tuple[bytes, ...]
    checkpoint: bytes
    """The signed checkpoint it leads to."""

    def encode(self) -> bytes:
        """Write it as a text."""
        return _encode([INCLUSION_HEAD, f"index {self.number}"], self.path, self.checkpoint)


class Consistency(NamedTuple):
    """A proof that a log only grew (as witnesses are sent it, C2SP tlog-witness)."""

    old_size: int
    path: tuple[bytes, ...]
    checkpoint: bytes
    """The signed checkpoint of the longer log."""

    def encode(self) -> bytes:
        """Write it as a text."""
        return _encode([f"old {self.old_size}"], self.path, self.checkpoint)


def check_inclusion(proof: Inclusion, record: bytes, key: VerificationKey) -> Checkpoint:
    """Return the checkpoint that the record (its line without the line feed) is under. NoteError if it is not."""
    checkpoint = open_checkpoint(proof.checkpoint, key)
    number, last = proof.number, checkpoint.size - 1
    root = sha256(b"\x00" + record).digest()
    if number > last:
        raise NoteError(f"the checkpoint has {checkpoint.size} records, none with the number {number}")
    for sibling in proof.path:
        if last == 0:
            raise NoteError("the proof is longer than the tree is high")
        if number & 1 or number == last:
            root = sha256(b"\x01" + sibling + root).digest()
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            root = sha256(b"\x01" + root + sibling).digest()
        number, last = number >> 1, last >> 1
    if last != 0 or root != checkpoint.root:
        raise NoteError(f"this is not record {proof.number} of {checkpoint.origin}: the hashes do not meet its root")
    return checkpoint


def check_consistency(proof: Consistency, old: Checkpoint, key: VerificationKey) -> Checkpoint:
    """Return the later checkpoint, if its log begins with that of `old`. NoteError if it does not."""
    new = open_checkpoint(proof.checkpoint, key)
    if new.origin != old.origin or proof.old_size != old.size:
        raise NoteError(f"the proof is not about {old.origin} with {old.size} records")
    path = list(proof.path)
    if old.size in (0, new.size):
        if path or (old.size == new.size and old.root != new.root):
            raise NoteError(f"two logs of the same {old.size} records with different contents were signed")
        return new
    if old.size & (old.size - 1) == 0:
        path.insert(0, old.root)
    number, last = old.size - 1, new.size - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    if not path or old.size > new.size:
        raise NoteError("the proof is empty")
    old_root = new_root = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise NoteError("the proof is longer than the tree is high")
        if number & 1 or number == last:
            old_root = sha256(b"\x01" + sibling + old_root).digest()
            new_root = sha256(b"\x01" + sibling + new_root).digest()
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            new_root = sha256(b"\x01" + new_root + sibling).digest()
        number, last = number >> 1, last >> 1
    if last != 0 or old_root != old.root or new_root != new.root:
        raise NoteError(f"the log of {new.size} records does not begin with that of {old.size}: it was altered between")
    return new


def parse_proof(content: bytes) -> Inclusion | Consistency:
    """Read a proof of either kind. NoteError if it is none."""
    head, gap, checkpoint = content.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise NoteError("a proof is ASCII up to its checkpoint") from error
    is_inclusion = lines[0] == INCLUSION_HEAD
    if is_inclusion:
        del lines[0]
        if lines and lines[0].startswith("extra "):
            del lines[0]
    word, _, digits = lines[0].partition(" ") if lines else ("", "", "")
    if not gap or word != ("index" if is_inclusion else "old") or not digits.isdecimal() or str(int(digits)) != digits:
        raise NoteError(f"this is no proof: it begins with neither {INCLUSION_HEAD} nor `old SIZE`")
    path = _parse_hashes(lines[1:])
    return (Inclusion if is_inclusion else Consistency)(int(digits), path, checkpoint)


def _parse_hashes(lines: Sequence[str]) -> tuple[bytes, ...]:
    try:
        path = tuple(decode_base64(line) for line in lines)
    except ValueError as error:
        raise NoteError("a line of the proof is no hash in Base64") from error
    if len(path) > _MOST_HASHES or any(len(each) != _HASH_BYTES for each in path):
        raise NoteError(f"a proof has at most {_MOST_HASHES} hashes of {_HASH_BYTES} bytes")
    return path


def _encode(head: Sequence[str], path: Sequence[bytes], checkpoint: bytes) -> bytes:
    lines = [*head, *(base64.b64encode(each).decode() for each in path)]
    return "".join(f"{line}\n" for line in lines).encode() + b"\n" + checkpoint
