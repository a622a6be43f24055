"""Encrypt and Decrypt under one object, and the checks that no server is believed without."""

from __future__ import annotations

import os
from typing import Final

from hyok.clock import Deadline
from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import Sealed
from hyok.keymanagers.kmip.client import KmipClient
from hyok.keymanagers.kmip.requests import IV_BYTES, TAG_BYTES, Decrypt, Encrypt
from hyok.keymanagers.kmip.setup import IvSource

IV_SIZES: Final = frozenset({IV_BYTES, 16})
"""What the XKS proxy API takes, in bytes."""


async def seal(
    client: KmipClient, object_id: str, plaintext: bytes, aad: bytes, *, iv_source: IvSource, deadline: Deadline
) -> Sealed:
    """Encrypt. RefusedError; KeyManagerError UNAVAILABLE if what comes back cannot be right."""
    iv = os.urandom(IV_BYTES) if iv_source is IvSource.HYOK else None
    encrypted = await client.ask(Encrypt(object_id, plaintext, aad, iv), deadline)
    made_iv = encrypted.iv if iv is None else iv
    if made_iv is None or len(made_iv) not in IV_SIZES:
        there = "no IV" if made_iv is None else f"an IV of {len(made_iv)} bytes"
        raise _unbelievable(f"{there} where the server was to make one of {IV_BYTES} or 16")
    if encrypted.iv is not None and encrypted.iv != made_iv:
        raise _unbelievable("another IV than the one given")
    if len(encrypted.ciphertext) != len(plaintext) or len(encrypted.tag) != TAG_BYTES:
        raise _unbelievable(
            f"{len(encrypted.ciphertext)} bytes and a tag of {len(encrypted.tag)} for a plaintext of {len(plaintext)}"
        )
    return Sealed(encrypted.ciphertext, made_iv, encrypted.tag)


async def unseal(client: KmipClient, object_id: str, sealed: Sealed, aad: bytes, deadline: Deadline) -> bytes:
    """Decrypt. RefusedError; KeyManagerError UNAVAILABLE if what comes back cannot be right."""
    plaintext = await client.ask(Decrypt(object_id, sealed.ciphertext, sealed.iv, sealed.tag, aad), deadline)
    if len(plaintext) != len(sealed.ciphertext):
        raise _unbelievable(f"{len(plaintext)} bytes for a ciphertext of {len(sealed.ciphertext)}")
    return plaintext


def _unbelievable(detail: str) -> KeyManagerError:
    return KeyManagerError(KeyManagerFailure.UNAVAILABLE, f"the server returned {detail}")
