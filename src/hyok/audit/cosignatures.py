"""What a witness signs (C2SP tlog-cosignature), no I/O: a checkpoint, and when it saw that the log had grown."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from hyok.audit.errors import NoteError
from hyok.audit.notes import PUBLIC_KEY_BYTES, SIGNATURE_BYTES, Note, VerificationKey, decode_base64

_KIND: Final = b"\x04"
_TIME_BYTES: Final = 8
_KEY_ID_BYTES: Final = 4


class WitnessKey:
    """A witness's name and public key."""

    def __init__(self, name: str, public_key: bytes) -> None:
        self.name = name
        self._key = VerificationKey(public_key)
        self.key_id = sha256(name.encode() + b"\n" + _KIND + public_key).digest()[:_KEY_ID_BYTES]

    def verify(self, note: Note) -> int:
        """Return when the witness signed the note, in Unix seconds. NoteError if it did not."""
        for each in note.signatures:
            if (each.name, each.key_id) == (self.name, self.key_id):
                signed_at = int.from_bytes(each.signature[:_TIME_BYTES], "big")
                if len(each.signature) == _TIME_BYTES + SIGNATURE_BYTES and self._key.is_signed(
                    cosigned_message(note.text, signed_at), each.signature[_TIME_BYTES:]
                ):
                    return signed_at
                raise NoteError(f"the signature of the witness {self.name} is not right")
        raise NoteError(f"it is not signed by the witness {self.name}")


def cosigned_message(text: str, signed_at: int) -> bytes:
    """Return what a witness signs: the checkpoint's text and the time, in Unix seconds."""
    return f"cosignature/v1\ntime {signed_at}\n{text}".encode()


def parse_witness_key(text: str) -> WitnessKey:
    """Read NAME+KEY ID+BASE64. NoteError if it is none, or its key id is not that of name and key."""
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    try:
        raw = decode_base64(encoded)
    except ValueError as error:
        raise NoteError("the key of a witness is NAME+KEY ID+BASE64") from error
    if not name or len(raw) != 1 + PUBLIC_KEY_BYTES or raw[:1] != _KIND:
        raise NoteError(
            "the key of a witness is NAME+KEY ID+BASE64, of an Ed25519 key that signs with the time (kind 4)"
        )
    key = WitnessKey(name, raw[1:])
    if key.key_id.hex() != key_id:
        raise NoteError(
            f"the key id of the witness {name} is {key.key_id.hex()} and not {key_id}: something is mistyped"
        )
    return key
