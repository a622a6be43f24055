"""What holds for every ciphertext and every batch of Transit."""

from __future__ import annotations

import json
from base64 import b64encode

from hypothesis import given
from hypothesis import strategies as st

from hyok.keymanagers.interface import Sealed
from hyok.keymanagers.transit.ciphertext import compose_ciphertext, split_ciphertext
from hyok.keymanagers.transit.wire import (
    Answer,
    DecryptItem,
    EncryptItem,
    decode_decrypted,
    decode_encrypted,
    encode_batch,
)

VERSIONS = st.integers(1, 2**32 - 1)
SEALED = st.builds(
    Sealed, st.binary(max_size=100), st.binary(min_size=12, max_size=12), st.binary(min_size=16, max_size=16)
)


@given(VERSIONS, SEALED)
def test_what_is_composed_is_split_into_the_same(version: int, sealed: Sealed) -> None:
    text = compose_ciphertext(version, sealed)
    assert split_ciphertext(text, version=version, plaintext_bytes=len(sealed.ciphertext)) == sealed


@given(st.lists(st.tuples(VERSIONS, SEALED, st.binary(max_size=30)), min_size=1, max_size=8))
def test_a_batch_comes_back_in_its_order(batch: list[tuple[int, Sealed, bytes]]) -> None:
    items = [EncryptItem(sealed.ciphertext, aad, version) for version, sealed, aad in batch]
    written = json.loads(encode_batch(items))["batch_input"]
    assert [each["plaintext"] for each in written] == [b64encode(item.plaintext).decode() for item in items]
    results = [{"ciphertext": compose_ciphertext(version, sealed)} for version, sealed, _ in batch]
    body = json.dumps({"data": {"batch_results": results}}).encode()
    assert decode_encrypted(Answer("/v1/x", 200, body), items) == [sealed for _, sealed, _ in batch]


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=8))
def test_plaintexts_come_back_byte_for_byte(plaintexts: list[bytes]) -> None:
    results = [{"plaintext": b64encode(plaintext).decode()} for plaintext in plaintexts]
    body = json.dumps({"data": {"batch_results": results}}).encode()
    items = [DecryptItem("", b"")] * len(plaintexts)
    assert decode_decrypted(Answer("/v1/x", 200, body), items) == plaintexts
