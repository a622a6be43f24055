"""Invariant: any bytes are refused with NoteError or are a note that is written back; none but ours verifies."""

from __future__ import annotations

import contextlib

from hyok.audit.bundles import read_bundle
from hyok.audit.checkpoints import Checkpoint, open_checkpoint, parse_checkpoint
from hyok.audit.cosignatures import parse_witness_key
from hyok.audit.errors import NoteError
from hyok.audit.notes import Signer, parse_note, parse_verification_key

_SIGNER = Signer(bytes(range(32)))
_CHECKPOINT = Checkpoint("hyok.audit/0123456789abcdef/proxy-1", 20852163, bytes(range(32)))
_SIGNED = _CHECKPOINT.sign(_SIGNER)
_LIST = _SIGNER.sign("hyok.audit/0123456789abcdef\nproxy-1\n", "hyok.audit/0123456789abcdef").encode()

SEEDS = (_SIGNED, _LIST + b"\n" + _SIGNED, _SIGNED + "\u2014 witness.example/w1 jWbPPwAAAABkGFDL\n".encode())


def fuzz_one(data: bytes) -> None:
    """Read bytes as a note, a checkpoint, a bundle and a key."""
    try:
        note = parse_note(data)
    except NoteError:
        pass
    else:
        assert "".join((note.text, "\n", *(f"{each.line()}\n" for each in note.signatures))).encode() == data
        with contextlib.suppress(NoteError):
            parse_checkpoint(note)
    with contextlib.suppress(NoteError):
        assert open_checkpoint(data, _SIGNER.key) == _CHECKPOINT
    with contextlib.suppress(NoteError):
        assert set(read_bundle(data, _SIGNER.key)) == {_CHECKPOINT}
    text = data.decode("utf-8", "replace")
    with contextlib.suppress(NoteError):
        parse_verification_key(text)
    with contextlib.suppress(NoteError):
        parse_witness_key(text)
