"""Checkpoints of all logs of a trail together, as they are kept elsewhere; no I/O but reading the trail.

A bundle is the signed list of logs and the newest checkpoint of each, as notes one after the other with an empty line
between.
"""

from __future__ import annotations

from collections.abc import Iterator

from hyok.audit.checkpoints import Checkpoint, open_checkpoint, parse_checkpoint
from hyok.audit.errors import NoteError
from hyok.audit.layout import LIST_FILE
from hyok.audit.notes import VerificationKey, parse_note
from hyok.audit.trail import Trail

_SIGNATURE = "\u2014 ".encode()
_MOST_BYTES = 16 * 1024 * 1024


def make_bundle(trail: Trail, key: VerificationKey) -> bytes:
    """Put the list and the newest checkpoints together. NoteError if one of them is not right; OSError."""
    notes = [(trail.directory / LIST_FILE).read_bytes()]
    key.verify(parse_note(notes[0]), trail.name)
    for place in trail.places():
        if place.checkpoint_file.exists():  # it comes within the first second
            notes.append(place.checkpoint_file.read_bytes())
            open_checkpoint(notes[-1], key)
    return b"\n".join(notes)


def read_bundle(content: bytes, key: VerificationKey) -> list[Checkpoint]:
    """Return the checkpoints of a bundle, or of a single note. NoteError if one is not signed with `key`."""
    if len(content) > _MOST_BYTES:
        raise NoteError(f"a bundle of checkpoints has at most {_MOST_BYTES} bytes, not {len(content)}")
    checkpoints: list[Checkpoint] = []
    for part in _split(content):
        note = parse_note(part)
        try:
            checkpoint = parse_checkpoint(note)
        except NoteError:
            key.verify(note, note.text.partition("\n")[0])  # the list of logs
            continue
        key.verify(note, checkpoint.origin)
        checkpoints.append(checkpoint)
    if not checkpoints:
        raise NoteError("there is no checkpoint in it")
    return checkpoints


def _split(content: bytes) -> Iterator[bytes]:
    """Yield the notes: each ends with its last line of signature."""
    note: list[bytes] = []
    is_signed = False
    for line in content.splitlines(keepends=True):
        if is_signed and not line.startswith(_SIGNATURE):
            yield b"".join(note)
            note, is_signed = [], False
            if line == b"\n":
                continue
        note.append(line)
        is_signed = line.startswith(_SIGNATURE) and len(note) > 1
    if note:
        yield b"".join(note)
