"""Transit's ciphertext: `vault:v<version>:` and the Base64 of IV, ciphertext and tag in one."""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64
from typing import Final

from hyok.errors import HyokError
from hyok.keymanagers.interface import Sealed

IV_BYTES: Final = 12
TAG_BYTES: Final = 16


class ForeignCiphertextError(HyokError):
    """An answer's ciphertext is not what was asked for."""


def compose_ciphertext(version: int, sealed: Sealed) -> str:
    """Write what Transit decrypts. IV and tag must have been checked to have 12 and 16 bytes."""
    together = sealed.iv + sealed.ciphertext + sealed.tag
    return f"vault:v{version}:{b2a_base64(together, newline=False).decode('ascii')}"


def split_ciphertext(text: str, *, version: int, plaintext_bytes: int) -> Sealed:
    """Take apart what Transit encrypted under this version. ForeignCiphertextError for anything else."""
    prefix = f"vault:v{version}:"
    if not text.startswith(prefix):
        raise ForeignCiphertextError(f"a ciphertext that does not begin with {prefix}")
    try:
        together = a2b_base64(text[len(prefix) :], strict_mode=True)
    except (Error, ValueError) as error:  # ValueError: characters beyond ASCII
        raise ForeignCiphertextError(f"a ciphertext of {len(text)} characters that is not Base64") from error
    if len(together) != IV_BYTES + plaintext_bytes + TAG_BYTES:
        raise ForeignCiphertextError(f"{len(together)} bytes of ciphertext for {plaintext_bytes} of plaintext")
    return Sealed(together[IV_BYTES:-TAG_BYTES], together[:IV_BYTES], together[-TAG_BYTES:])
