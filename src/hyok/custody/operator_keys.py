"""The private key of an operator, in a file of its own: one line, with or without a passphrase.

`hyok-operator-1 NAME BASE64`, the 32 bytes of an Ed25519 private key; or `hyok-operator-1-scrypt NAME BASE64`, 16 bytes
of salt and then that key sealed under what scrypt makes of the passphrase (N 2^17, r 8, p 1).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hyok.audit.errors import NoteError
from hyok.audit.notes import Signer, VerificationKey, parse_verification_key
from hyok.custody.errors import IntegrityError
from hyok.custody.records import Operator
from hyok.custody.sealing import encode_context, seal, unseal
from hyok.errors import OperatorError
from hyok.secret import Secret

OPERATOR_NAME: Final = re.compile(r"[a-z][a-z0-9._-]{0,62}")
MOST_FILE_BYTES: Final = 4096
_OPEN: Final = "hyok-operator-1"
_SEALED: Final = "hyok-operator-1-scrypt"
_KEY_BYTES: Final = 32
_SALT_BYTES: Final = 16
_SCRYPT_MEMORY: Final = 160 * 1024 * 1024
"""N 2^17 with r 8 takes 128 MiB, and half a second."""


def new_operator(name: str) -> tuple[Operator, Secret]:
    """Make an operator's key; returns it ready to sign, and its 32 bytes. OperatorError if the name cannot be one."""
    if not OPERATOR_NAME.fullmatch(name):
        raise OperatorError(
            f"{name!r} ({len(name)} characters) cannot name an operator; use a letter a-z, then up to 62 of the "
            "characters a-z 0-9 . _ -"
        )
    private_key = os.urandom(_KEY_BYTES)
    return Operator(name, Signer(private_key)), Secret(private_key)


def write_operator_key(name: str, private_key: Secret, passphrase: Secret | None) -> bytes:
    """Return the content of the key's file, sealed under the passphrase if there is one."""
    if passphrase is None:
        return f"{_OPEN} {name} {base64.b64encode(private_key.reveal()).decode()}\n".encode()
    salt = os.urandom(_SALT_BYTES)
    sealed = salt + seal(_cipher(passphrase, salt), private_key.reveal(), encode_context("operator", name))
    return f"{_SEALED} {name} {base64.b64encode(sealed).decode()}\n".encode()


def read_operator_key(content: bytes, *, location: str, ask_passphrase: Callable[[str], Secret]) -> Operator:
    """Read a key's file; `ask_passphrase` is called with the operator's name if the key is sealed.

    OperatorError if it is none, or the passphrase is wrong.
    """
    try:
        kind, name, encoded = content.decode("ascii").removesuffix("\n").split(" ")
        raw = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error) as error:
        raise _not_a_key(location, content) from error
    # Compared with its own encoding: trailing bits that Base64 ignores would make two files of one key.
    if not OPERATOR_NAME.fullmatch(name) or base64.b64encode(raw).decode() != encoded:
        raise _not_a_key(location, content)
    if kind == _OPEN and len(raw) == _KEY_BYTES:
        return Operator(name, Signer(raw))
    if kind != _SEALED:
        raise _not_a_key(location, content)
    salt, sealed = raw[:_SALT_BYTES], raw[_SALT_BYTES:]
    try:
        private_key = unseal(_cipher(ask_passphrase(name), salt), sealed, encode_context("operator", name))
    except IntegrityError as error:
        raise OperatorError(
            f"the key in {location} does not open: the passphrase is another one, or the file was altered"
        ) from error
    return Operator(name, Signer(private_key))


def parse_operator(text: str) -> tuple[str, VerificationKey]:
    """Read NAME+KEY, the public half of an operator's key in Base64. OperatorError if it is none."""
    name, _, encoded = text.partition("+")
    try:
        return name, parse_verification_key(encoded)
    except NoteError as error:
        raise OperatorError(f"the key of operator {name!r} cannot be read: {error}") from error


def _cipher(passphrase: Secret, salt: bytes) -> AESGCM:
    key = hashlib.scrypt(passphrase.reveal(), salt=salt, n=2**17, r=8, p=1, maxmem=_SCRYPT_MEMORY, dklen=32)
    return AESGCM(key)


def _not_a_key(location: str, content: bytes) -> OperatorError:
    return OperatorError(
        f"{location} ({len(content)} bytes) is not an operator's key; expected the one line that "
        "`hyok operator create NAME` writes"
    )
