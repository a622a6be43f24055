"""Signed notes (C2SP signed-note) with Ed25519 keys, no I/O: a text for people, signed for programs.

A note is text that ends in a line feed, an empty line, and lines `— NAME BASE64(key id, signature)`.
"""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from hyok.audit.errors import NoteError

PUBLIC_KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
MOST_BYTES: Final = 64 * 1024
"""Of a whole note with its signatures."""

_ED25519: Final = b"\x01"
_KEY_ID_BYTES: Final = 4
_MOST_SIGNATURES: Final = 64
_DASH: Final = "\u2014 "


class Signature(NamedTuple):
    """One signature line."""

    name: str
    key_id: bytes
    signature: bytes

    def line(self) -> str:
        """Write it, without the line feed."""
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.signature).decode()}"


class Note(NamedTuple):
    """A note as it was read: nothing is verified yet."""

    text: str
    """With its final line feed."""
    signatures: tuple[Signature, ...]


class VerificationKey:
    """The public half of a signing key: whoever holds it can tell what was signed."""

    def __init__(self, public_key: bytes) -> None:
        """Take an Ed25519 public key of 32 bytes. NoteError if it is none."""
        if len(public_key) != PUBLIC_KEY_BYTES:
            raise NoteError(f"an audit key has {PUBLIC_KEY_BYTES} bytes, not {len(public_key)}")
        self.public_key = public_key
        self._key = Ed25519PublicKey.from_public_bytes(public_key)

    def __str__(self) -> str:
        """Write the key in Base64, as commands print and take it."""
        return base64.b64encode(self.public_key).decode()

    def __eq__(self, other: object) -> bool:
        """Tell whether it is the same key."""
        return isinstance(other, VerificationKey) and other.public_key == self.public_key

    def __hash__(self) -> int:
        """Hash as it compares."""
        return hash(self.public_key)

    def key_id(self, name: str) -> bytes:
        """Return the four bytes that name this key in a signature of `name`."""
        return sha256(name.encode() + b"\n" + _ED25519 + self.public_key).digest()[:_KEY_ID_BYTES]

    def verifier_key(self, name: str) -> str:
        """Write the key as witnesses are told it: NAME+KEY ID+BASE64."""
        encoded = base64.b64encode(_ED25519 + self.public_key).decode()
        return f"{name}+{self.key_id(name).hex()}+{encoded}"

    def verify(self, note: Note, name: str) -> None:
        """Return if the note is signed with this key in that name. NoteError if not."""
        key_id = self.key_id(name)
        found = [each for each in note.signatures if each.name == name and each.key_id == key_id]
        if not found:
            raise NoteError(f"the note is not signed by {name} with the key {self}")
        for each in found:
            if not self.is_signed(note.text.encode(), each.signature):
                raise NoteError(f"the signature of {name} under the note is not right: the text was altered")

    def is_signed(self, message: bytes, signature: bytes) -> bool:
        """Tell whether `signature` is this key's over `message`."""
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


class Signer:
    """The private key that signs checkpoints. It never shows in a repr."""

    def __init__(self, private_key: bytes) -> None:
        """Take an Ed25519 private key of 32 bytes."""
        self._key = Ed25519PrivateKey.from_private_bytes(private_key)
        self.key = VerificationKey(self._key.public_key().public_bytes_raw())
        """What verifies its signatures."""

    def sign(self, text: str, name: str) -> str:
        """Return the note: `text`, which ends in a line feed, signed in that name."""
        signature = Signature(name, self.key.key_id(name), self._key.sign(text.encode()))
        return f"{text}\n{signature.line()}\n"


def parse_verification_key(text: str) -> VerificationKey:
    """Read a key as `str` or `verifier_key` wrote it. NoteError if it is none."""
    for encoded, kind in ((text.strip(), b""), (text.strip().partition("+")[2].partition("+")[2], _ED25519)):
        try:
            raw = decode_base64(encoded)
        except ValueError:
            continue
        if len(raw) == len(kind) + PUBLIC_KEY_BYTES and raw.startswith(kind):
            return VerificationKey(raw[len(kind) :])
    raise NoteError("this is no audit key: expected 44 characters of Base64, or NAME+KEY ID+BASE64")


def decode_base64(text: str) -> bytes:
    """Decode Base64 of the one form that a text of bytes has. ValueError if it is another."""
    raw = base64.b64decode(text, validate=True)
    if base64.b64encode(raw).decode() != text:
        raise ValueError("bits that belong to no byte are set")
    return raw


def parse_note(content: bytes) -> Note:
    """Read a note. NoteError if it is none, or has more than 64 signatures or 64 KiB."""
    if len(content) > MOST_BYTES:
        raise NoteError(f"a note has at most {MOST_BYTES} bytes, not {len(content)}")
    try:
        decoded = content.decode()
    except UnicodeDecodeError as error:
        raise NoteError("a note is UTF-8") from error
    if any(character < " " and character != "\n" for character in decoded):
        raise NoteError("a note holds no control characters but line feeds")
    text, gap, signed = decoded.rpartition("\n\n")
    if not gap or not signed.endswith("\n"):
        raise NoteError("a note is a text, an empty line, and lines of signatures that end in a line feed")
    lines = signed[:-1].split("\n")
    if len(lines) > _MOST_SIGNATURES:
        raise NoteError(f"a note has at most {_MOST_SIGNATURES} signatures, not {len(lines)}")
    return Note(text + "\n", tuple(_parse_signature(line) for line in lines))


def _parse_signature(line: str) -> Signature:
    name, gap, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not gap or not name or "+" in name or name.split() != [name]:
        raise NoteError("a line of a signature is: em dash, space, name, space, Base64")
    try:
        raw = decode_base64(encoded)
    except ValueError as error:
        raise NoteError(f"the signature of {name} is not Base64") from error
    if len(raw) <= _KEY_ID_BYTES:
        raise NoteError(f"the signature of {name} has {len(raw)} bytes")
    return Signature(name, raw[:_KEY_ID_BYTES], raw[_KEY_ID_BYTES:])
