from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFHMAC, CounterLocation, Mode

from hyok.kms.inner_layer import InnerCiphertextError, open_inner, seal_inner
from hyok.secret import Secret

BACKING_KEY = Secret(bytes(range(32)))
DERIVATION = bytes(range(16))


def test_what_was_sealed_opens() -> None:
    inner = seal_inner(BACKING_KEY, DERIVATION, b"plaintext", b"aad")
    assert open_inner(BACKING_KEY, DERIVATION, inner, b"aad") == b"plaintext"


def test_the_message_key_is_that_of_sp_800_108() -> None:
    derivation = KBKDFHMAC(
        algorithm=SHA256(),
        mode=Mode.CounterMode,
        length=32,
        rlen=4,
        llen=4,
        location=CounterLocation.BeforeFixed,
        label=b"hyok kms message key",
        context=DERIVATION,
        fixed=None,
    )
    message_key = derivation.derive(BACKING_KEY.reveal())
    expected = AESGCM(message_key).encrypt(bytes(12), b"plaintext", b"aad")
    assert seal_inner(BACKING_KEY, DERIVATION, b"plaintext", b"aad") == expected


def test_two_derivation_values_share_no_key_stream() -> None:
    one = seal_inner(BACKING_KEY, DERIVATION, bytes(64), b"")
    other = seal_inner(BACKING_KEY, DERIVATION[::-1], bytes(64), b"")
    assert one[:64] != other[:64]


@pytest.mark.parametrize(
    ("backing_key", "derivation", "aad"),
    [
        (Secret(bytes(32)), DERIVATION, b"aad"),
        (BACKING_KEY, bytes(16), b"aad"),
        (BACKING_KEY, DERIVATION, b"other"),
    ],
    ids=["another backing key", "another derivation value", "another AAD"],
)
def test_anything_else_does_not_open(backing_key: Secret, derivation: bytes, aad: bytes) -> None:
    inner = seal_inner(BACKING_KEY, DERIVATION, b"plaintext", b"aad")
    with pytest.raises(InnerCiphertextError, match="25 bytes does not authenticate"):
        open_inner(backing_key, derivation, inner, aad)


@pytest.mark.parametrize("length", [0, 15, 16])
def test_what_is_too_short_for_a_tag_does_not_open(length: int) -> None:
    with pytest.raises(InnerCiphertextError):
        open_inner(BACKING_KEY, DERIVATION, bytes(length), b"")
