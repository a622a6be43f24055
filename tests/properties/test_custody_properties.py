"""What holds for everything that is sealed, and for every content of a root key file."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hyok.custody.errors import IntegrityError
from hyok.custody.file_root import parse_root_key
from hyok.custody.sealing import encode_context, seal, unseal
from hyok.errors import OperatorError
from hyok.secret import Secret

KEY = AESGCM(bytes(32))
CONTEXTS = st.lists(st.one_of(st.text(max_size=8), st.integers(0, 2**40)), max_size=4).map(tuple)
SETTINGS = settings(derandomize=True, max_examples=200, deadline=None)


@SETTINGS
@given(CONTEXTS, CONTEXTS)
def test_two_contexts_never_look_alike(one: tuple[str | int, ...], other: tuple[str | int, ...]) -> None:
    assert (encode_context(*one) == encode_context(*other)) == (one == other)


@SETTINGS
@given(st.binary(max_size=200), CONTEXTS)
def test_what_is_sealed_opens_again(plaintext: bytes, context: tuple[str | int, ...]) -> None:
    framed = encode_context(*context)
    assert unseal(KEY, seal(KEY, plaintext, framed), framed) == plaintext


@SETTINGS
@given(st.binary(max_size=64), CONTEXTS, CONTEXTS)
def test_what_is_sealed_opens_in_no_other_context(
    plaintext: bytes, context: tuple[str | int, ...], other: tuple[str | int, ...]
) -> None:
    assume(context != other)
    with pytest.raises(IntegrityError):
        unseal(KEY, seal(KEY, plaintext, encode_context(*context)), encode_context(*other))


@SETTINGS
@given(st.binary(max_size=100))
def test_bytes_that_were_never_sealed_do_not_open(data: bytes) -> None:
    with pytest.raises(IntegrityError):
        unseal(KEY, data, b"")


@SETTINGS
@given(st.binary(min_size=32, max_size=32))
def test_every_root_key_is_read_as_it_was_written(key: bytes) -> None:
    content = b"hyok-root-1 " + base64.b64encode(key) + b"\n"
    assert parse_root_key(content, location="root") == Secret(key)


@SETTINGS
@given(st.one_of(st.binary(), st.binary().map(lambda tail: b"hyok-root-1 " + base64.b64encode(tail))))
def test_any_other_content_is_an_operators_error(content: bytes) -> None:
    try:
        key = parse_root_key(content, location="root").reveal()
    except OperatorError:
        return
    assert content.removesuffix(b"\n") == b"hyok-root-1 " + base64.b64encode(key)
