"""What holds for everything that is sealed or shared, and for every content of a root key file or an anchor."""

from __future__ import annotations

import base64
import random

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hyok.custody.anchor import Mark, parse_anchor
from hyok.custody.errors import IntegrityError
from hyok.custody.file_root import parse_root_key
from hyok.custody.outside_root import OutsideRoot, Wrapped
from hyok.custody.sealing import encode_context, seal, unseal
from hyok.custody.slip39.share import decode_share, encode_share
from hyok.custody.slip39.sharing import Group, ShareCollection, make_shares
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


@settings(SETTINGS, max_examples=25)
@given(
    groups=st.lists(st.tuples(st.integers(2, 5), st.integers(0, 3)), min_size=1, max_size=3),
    secret=st.binary(min_size=16, max_size=32).filter(lambda secret: len(secret) % 2 == 0),
    chosen=st.randoms(use_true_random=False),
)
def test_enough_shares_give_the_secret_back_and_fewer_do_not(
    groups: list[tuple[int, int]], secret: bytes, chosen: random.Random
) -> None:
    made = make_shares(
        Secret(secret),
        [Group(threshold, threshold + more) for threshold, more in groups],
        group_threshold=len(groups),
    )
    collection = ShareCollection()
    entered = [
        encode_share(share)
        for (threshold, _), shares in zip(groups, made, strict=True)
        for share in chosen.sample(shares, threshold)
    ]
    chosen.shuffle(entered)
    for mnemonic in entered:
        assert not collection.is_complete
        collection.add(decode_share(mnemonic))
    assert collection.is_complete
    assert collection.secret() == Secret(secret)


@SETTINGS
@given(store_id=st.text("0123456789abcdef", min_size=1), position=st.integers(0, 10**18), seal=st.binary(min_size=1))
def test_every_anchor_is_read_as_it_was_written(store_id: str, position: int, seal: bytes) -> None:
    line = f"hyok-anchor-1 {store_id} {position} {seal.hex()}\n".encode()
    assert parse_anchor(line, location="anchor") == Mark(store_id, position, seal)


@SETTINGS
@given(
    version=st.integers(1, 2**32 - 1),
    iv=st.sampled_from((12, 16)).flatmap(lambda size: st.binary(min_size=size, max_size=size)),
    tag=st.binary(min_size=16, max_size=16),
    ciphertext=st.binary(),
)
def test_what_a_key_manager_wrapped_comes_back_to_it_whole(
    version: int, iv: bytes, tag: bytes, ciphertext: bytes
) -> None:
    wrapped = Wrapped(version, iv, tag, ciphertext)
    seen: list[Wrapped] = []

    def decrypt(got: Wrapped, _context: bytes) -> bytes:
        seen.append(got)
        return b""

    root = OutsideRoot("hsm:key", lambda _plaintext, _context: wrapped, decrypt)
    root.unwrap(root.wrap(b"", b""), b"")
    assert seen == [wrapped]
