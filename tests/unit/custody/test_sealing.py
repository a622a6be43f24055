from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hyok.custody.errors import IntegrityError
from hyok.custody.sealing import OVERHEAD_BYTES, encode_context, seal, unseal

KEY = AESGCM(bytes(32))


def test_the_format_is_a_format_byte_a_nonce_and_aes_gcm() -> None:
    sealed = seal(KEY, b"plaintext", b"context")
    assert len(sealed) == len(b"plaintext") + OVERHEAD_BYTES
    assert sealed[0] == 1
    assert KEY.decrypt(sealed[1:13], sealed[13:], b"\x01context") == b"plaintext"


def test_sealing_twice_gives_two_nonces() -> None:
    assert len({seal(KEY, b"", b"")[1:13] for _ in range(100)}) == 100


def test_a_context_is_framed_by_type_and_length() -> None:
    assert encode_context("ab", 12) == b"s\x00\x00\x00\x02ab" + b"i\x00\x00\x00\x0212"


@pytest.mark.parametrize("position", range(len(b"plaintext") + OVERHEAD_BYTES))
def test_no_byte_can_be_altered(position: int) -> None:
    sealed = bytearray(seal(KEY, b"plaintext", b"context"))
    sealed[position] ^= 1
    with pytest.raises(IntegrityError):
        unseal(KEY, bytes(sealed), b"context")


def test_an_unknown_format_is_named() -> None:
    with pytest.raises(IntegrityError, match="format byte 02"):
        unseal(KEY, b"\x02" + bytes(60), b"")


@pytest.mark.parametrize("value", [5, "text", None])
def test_what_is_not_even_bytes_was_never_sealed(value: Any) -> None:
    with pytest.raises(IntegrityError, match="expected bytes"):
        unseal(KEY, value, b"")


def test_nothing_is_not_something_sealed() -> None:
    with pytest.raises(IntegrityError, match="format byte missing"):
        unseal(KEY, b"", b"")
