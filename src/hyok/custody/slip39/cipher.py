"""The encryption of a master secret before it is shared: four rounds of a Feistel network (SLIP-0039, Encryption)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final, NamedTuple

_ROUNDS: Final = 4
_ITERATIONS: Final = 10_000


class CipherSetting(NamedTuple):
    """What stands in each share of how its secret was encrypted."""

    identifier: int
    """15 random bits that all shares of one secret have."""
    is_extendable: bool
    """Whether the identifier stays out of the encryption, so that more shares of the same secret can be made later."""
    iteration_exponent: int
    """2,500 * 2^e iterations in each round."""


def encrypt(secret: bytes, passphrase: bytes, setting: CipherSetting) -> bytes:
    """Encrypt a master secret of an even number of bytes."""
    return _run(secret, passphrase, setting, range(_ROUNDS))


def decrypt(encrypted: bytes, passphrase: bytes, setting: CipherSetting) -> bytes:
    """Decrypt; a wrong passphrase gives another secret and no error."""
    return _run(encrypted, passphrase, setting, reversed(range(_ROUNDS)))


def _run(text: bytes, passphrase: bytes, setting: CipherSetting, rounds: Iterable[int]) -> bytes:
    half = len(text) // 2
    left, right = text[:half], text[half:]
    salt = b"" if setting.is_extendable else b"shamir" + setting.identifier.to_bytes(2)
    iterations = (_ITERATIONS << setting.iteration_exponent) // _ROUNDS
    for number in rounds:
        password = bytes((number,)) + passphrase
        mask = hashlib.pbkdf2_hmac("sha256", password, salt + right, iterations, dklen=half)
        left, right = right, bytes(a ^ b for a, b in zip(left, mask, strict=True))
    return right + left
