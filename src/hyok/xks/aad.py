"""The AAD that goes to the key manager (XKS API, Encrypt).

Ciphertext lives for years: whoever changes this framing must write the change into the ciphertext metadata.
"""

from __future__ import annotations


def frame_aad(aad: bytes, ciphertext_metadata: bytes) -> bytes:
    """Return `len(aad) in 2 bytes || aad || len(metadata) in 1 byte || metadata`; what is absent has length 0.

    At most 65535 bytes of AAD and 255 of metadata: more raises OverflowError, the limits of requests are far below.
    """
    return b"%b%b%b%b" % (
        len(aad).to_bytes(2, "big"),
        aad,
        len(ciphertext_metadata).to_bytes(1, "big"),
        ciphertext_metadata,
    )
