"""What the server's error texts mean. Texts recorded from OpenBao 2.6; Vault has the same, but for soft-deletion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure, KeyRotatedError

_SHOWN_CHARACTERS: Final = 200


class KnownText(NamedTuple):
    """A part of an error text, and what it comes to."""

    text: str
    failure: KeyManagerFailure
    is_rotation: bool = False
    """Whether to ask for the active version again helps."""


KNOWN_TEXTS: Final = (
    KnownText("message authentication failed", KeyManagerFailure.CIPHERTEXT_REJECTED),
    # No prefix, no Base64, too short, or a version that the key never had.
    KnownText("invalid ciphertext", KeyManagerFailure.CIPHERTEXT_REJECTED),
    # Below the key's min_decryption_version: a withdrawal that its owner can take back, so no fault of the ciphertext.
    KnownText("version is disallowed by policy (too old)", KeyManagerFailure.KEY_DISABLED),
    KnownText("refusing to use soft-deleted key", KeyManagerFailure.KEY_DISABLED),
    KnownText("encryption key not found", KeyManagerFailure.KEY_NOT_FOUND),
    KnownText("higher than the latest key version", KeyManagerFailure.UNAVAILABLE, is_rotation=True),
    KnownText("less than the minimum encryption key version", KeyManagerFailure.UNAVAILABLE, is_rotation=True),
    KnownText("missing 'context' for key derivation", KeyManagerFailure.UNSUPPORTED),
    KnownText("provided for non-AEAD cipher suite", KeyManagerFailure.UNSUPPORTED),
    KnownText("Vault is sealed", KeyManagerFailure.UNAVAILABLE),
    KnownText("rate limit quota exceeded", KeyManagerFailure.OVERLOADED),
    KnownText("permission denied", KeyManagerFailure.UNAVAILABLE),
    # A mount or namespace that is not there is no missing key.
    KnownText("no handler for route", KeyManagerFailure.UNAVAILABLE),
    # What this server does not have: Vault, for one, has no soft-deletion.
    KnownText("unsupported path", KeyManagerFailure.UNSUPPORTED),
    KnownText("unsupported operation", KeyManagerFailure.UNSUPPORTED),
)
"""Looked up in this order. What is not in here is judged by the status."""

_BY_STATUS: Final = {
    404: KeyManagerFailure.KEY_NOT_FOUND,  # without a text: what the path names is not there
    429: KeyManagerFailure.OVERLOADED,
}
"""Every other status is UNAVAILABLE: it says something of the server, not of the key."""


def failure_of(*, path: str, status: int, texts: Sequence[str]) -> KeyManagerError:
    """Return the error that an answer, or one item of a batch, comes to."""
    text = "; ".join(texts)
    detail = f"{path} answered {status}: {_shown(text)}" if text else f"{path} answered {status}"
    if status == 403 and not path.startswith("/v1/auth/"):
        detail += "; does the token's policy allow it? `hyok config check` prints the policy that does"
    known = next((known for known in KNOWN_TEXTS if known.text in text), None)
    if known is None:
        return KeyManagerError(_BY_STATUS.get(status, KeyManagerFailure.UNAVAILABLE), detail)
    if known.is_rotation:
        return KeyRotatedError(detail)
    return KeyManagerError(known.failure, detail)


def _shown(text: str) -> str:
    words = " ".join(text.split())
    printable = "".join(character if character.isprintable() else "?" for character in words)
    return printable[:_SHOWN_CHARACTERS]
