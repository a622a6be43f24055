"""What other proxies wrote before hyok took their place, so that it still decrypts.

A proxy tells its own ciphertext by the ciphertext metadata. What a key store's predecessor left there, a constant or
nothing at all, is set for the key store; with it comes how that proxy built the AAD that it gave to the key manager.
New ciphertext is never written this way.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from enum import Enum
from typing import Final, NamedTuple

from hyok.errors import HyokError
from hyok.proxy.ciphertext_metadata import could_be_ours
from hyok.xks.limits import MAX_CIPHERTEXT_METADATA_BYTES

PREDECESSOR_VERSION: Final = 1
"""The version of the external key that a predecessor used: it knew of no others."""
_SEPARATOR: Final = ":"


class AadLayout(Enum):
    """How a predecessor built the AAD that it gave to the key manager. The values are the words of commands."""

    AWS_SAMPLE = "aws-sample"
    """AWS's sample proxy: a digest in place of the request's AAD."""
    RAW_AAD = "raw-aad"
    """The request's AAD as it came, without framing or metadata."""

    def aads(self, aad: bytes, ciphertext_metadata: bytes) -> tuple[bytes, ...]:
        """Return what the key manager may have been given for a request's AAD, the likeliest first."""
        match self:
            case AadLayout.RAW_AAD:
                return (aad,)
            case AadLayout.AWS_SAMPLE:
                metadata = len(ciphertext_metadata).to_bytes(1, "big") + ciphertext_metadata
                present = len(aad).to_bytes(2, "big") + hashlib.sha256(aad).digest() + metadata
                # The sample tells an empty AAD from an absent one; the XKS proxy API does not, and neither do we.
                return (present,) if aad else (bytes(2) + metadata, present)


class Predecessor(NamedTuple):
    """What the ciphertext of another proxy looks like."""

    layout: AadLayout
    ciphertext_metadata: bytes = b""
    """What that proxy put there, always the same: at most 20 bytes."""

    def __str__(self) -> str:
        metadata = base64.b64encode(self.ciphertext_metadata).decode()
        return f"{self.layout.value}{_SEPARATOR}{metadata}" if metadata else self.layout.value


class PredecessorError(HyokError):
    """A text that names no predecessor."""


def parse_predecessor(text: str) -> Predecessor:
    """Read `LAYOUT` or `LAYOUT:METADATA`, the metadata in Base64. PredecessorError says what is wrong."""
    word, _, encoded = text.partition(_SEPARATOR)
    try:
        layout = AadLayout(word)
    except ValueError:
        known = " and ".join(layout.value for layout in AadLayout)
        raise PredecessorError(f"no proxy is known as {word!r}; known are {known}") from None
    try:
        metadata = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise PredecessorError(f"the ciphertext metadata after {word}: is not Base64") from None
    if len(metadata) > MAX_CIPHERTEXT_METADATA_BYTES:
        raise PredecessorError(
            f"ciphertext metadata has at most {MAX_CIPHERTEXT_METADATA_BYTES} bytes; this one has {len(metadata)}"
        )
    if could_be_ours(metadata):
        raise PredecessorError(
            "hyok writes ciphertext metadata of this form itself, so the two could not be told apart"
        )
    return Predecessor(layout, metadata)
