"""Checkpoints (C2SP tlog-checkpoint), no I/O: how many records a log has, and the one hash that they all make."""

from __future__ import annotations

import base64
from typing import Final, NamedTuple

from hyok.audit.errors import NoteError
from hyok.audit.notes import Note, Signer, VerificationKey, decode_base64, parse_note
from hyok.audit.tree import HASH_BYTES

_LINES: Final = 3
_MOST_DIGITS: Final = 18


class Checkpoint(NamedTuple):
    """The state of a log: whoever keeps one can tell later whether anything up to it was changed."""

    origin: str
    """Which log."""
    size: int
    """How many records it has."""
    root: bytes
    """The root hash of their tree."""

    def text(self) -> str:
        """Write it as the text of a note."""
        return f"{self.origin}\n{self.size}\n{self.root_text()}\n"

    def root_text(self) -> str:
        """Write the root hash in Base64."""
        return base64.b64encode(self.root).decode()

    def sign(self, signer: Signer) -> bytes:
        """Write it as a note, signed in the name of the log."""
        return signer.sign(self.text(), self.origin).encode()


def parse_checkpoint(note: Note) -> Checkpoint:
    """Read the text of a note as a checkpoint; lines after the third are ignored. NoteError if it is none."""
    lines = note.text[:-1].split("\n")
    if len(lines) < _LINES or not all(lines):
        raise NoteError("a checkpoint has three lines: origin, size, root hash")
    origin, digits, encoded = lines[:_LINES]
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= _MOST_DIGITS and str(int(digits)) == digits):
        raise NoteError("the second line of a checkpoint is its size, a decimal number")
    try:
        root = decode_base64(encoded)
    except ValueError as error:
        raise NoteError("the third line of a checkpoint is its root hash, in Base64") from error
    if len(root) != HASH_BYTES:
        raise NoteError(f"the root hash of a checkpoint has {HASH_BYTES} bytes, not {len(root)}")
    return Checkpoint(origin, int(digits), root)


def open_checkpoint(content: bytes, key: VerificationKey) -> Checkpoint:
    """Read a signed checkpoint. NoteError if it is none, or not signed with `key` in the name of its log."""
    note = parse_note(content)
    checkpoint = parse_checkpoint(note)
    key.verify(note, checkpoint.origin)
    return checkpoint
