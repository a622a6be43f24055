"""The proof, each time a token is opened, that it speaks the configured dialect.

A wrong setting must not come to light in a customer's data: under one IV for everything AES-GCM gives away plaintext
and authentication key, and a token that ignored the AAD would let any ciphertext pass for any other.
"""

from __future__ import annotations

import os
from typing import Final

from msgspec import structs

from hyok.keymanagers.errors import KeyManagerError, KeyManagerFailure
from hyok.keymanagers.interface import Sealed
from hyok.keymanagers.pkcs11.cipher import CipherSession
from hyok.keymanagers.pkcs11.errors import TokenRefusedError
from hyok.keymanagers.pkcs11.library import CryptokiError

_PROBE_BYTES: Final = 48


def try_dialect(session: CipherSession, test_key: int) -> None:
    """Encrypt twice, decrypt, and have alterations refused. TokenRefusedError says what did not hold.

    CryptokiError if the token failed in a call that must succeed.
    """
    try:
        _try(session, test_key)
    except KeyManagerError as error:  # an answer of another size, or an IV that was not made
        raise TokenRefusedError(error.detail) from error


def prove_health(session: CipherSession, test_key: int) -> None:
    """Encrypt and decrypt once. CryptokiError or KeyManagerError if the token is not well."""
    plaintext = os.urandom(_PROBE_BYTES)
    if session.decrypt(test_key, session.encrypt(test_key, plaintext, b""), b"") != plaintext:
        raise KeyManagerError(KeyManagerFailure.UNAVAILABLE, "the token does not decrypt what it encrypted")


def _try(session: CipherSession, test_key: int) -> None:
    plaintext, aad = os.urandom(_PROBE_BYTES), os.urandom(_PROBE_BYTES)
    # 1. Two encryptions: neither IV is what was passed (cipher.py refuses zeros), and they differ.
    first, second = (session.encrypt(test_key, plaintext, aad) for _ in range(2))
    if first.iv == second.iv:
        raise TokenRefusedError("the token made the same IV twice; everything would be encrypted under it")
    # 2. The output is a ciphertext, and decrypts under the IV that was read from the token.
    if plaintext in (first.ciphertext, second.ciphertext):
        raise TokenRefusedError("the token returned the plaintext as its ciphertext")
    if session.decrypt(test_key, first, aad) != plaintext or session.decrypt(test_key, second, aad) != plaintext:
        raise TokenRefusedError("the token does not decrypt what it encrypted; check the preset and the `iv` settings")
    # 3. Each part is authenticated.
    _must_fail(session, test_key, first, aad[1:], part="AAD")
    _must_fail(session, test_key, structs.replace(first, tag=_flip(first.tag)), aad, part="tag")
    _must_fail(session, test_key, structs.replace(first, ciphertext=_flip(first.ciphertext)), aad, part="ciphertext")
    # 4. And the token is well after it.
    if session.decrypt(test_key, second, aad) != plaintext:
        raise TokenRefusedError("the token does not decrypt after it refused a wrong tag")


def _must_fail(session: CipherSession, test_key: int, sealed: Sealed, aad: bytes, *, part: str) -> None:
    try:
        session.decrypt(test_key, sealed, aad)
    except (CryptokiError, KeyManagerError):
        return
    raise TokenRefusedError(f"the token decrypted a ciphertext whose {part} was altered; it must not be used")


def _flip(value: bytes) -> bytes:
    return bytes((value[0] ^ 1,)) + value[1:]
