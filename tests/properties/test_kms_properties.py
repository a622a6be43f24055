"""Properties of what KMS keeps for ever: the blob's format, the canonical context, the layers, the key states."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyok.awsjson.errors import AwsError
from hyok.kms.ciphertext_blob import (
    HEADER_BYTES,
    BlobKind,
    MalformedBlobError,
    encode_external_body,
    encode_header,
    parse_blob,
)
from hyok.kms.connection_state import ConnectionState
from hyok.kms.custom_key_stores import CustomKeyStoreDirectory
from hyok.kms.encryption_context import canonical_context
from hyok.kms.inner_layer import InnerCiphertextError, open_inner, seal_inner
from hyok.kms.key_states import KEY_STATE_TABLE, effective_state, require_state
from hyok.kms.pages import page_of
from hyok.kms.values import KeyState, OuterSealed
from hyok.secret import Secret
from tests.sizes import size
from tests.unit.kms.examples import EXTERNAL_KEY
from tests.unit.kms.running import STORE, a_call

few = settings(derandomize=True, deadline=None, max_examples=size(usual=100, nightly=5000))

headers = st.fixed_dictionaries(
    {
        "account": st.integers(0, 10**12 - 1).map(lambda number: f"{number:012}"),
        "key_id": st.uuids().map(str),
        "backing_key": st.integers(1, 2**32 - 1),
        "derivation": st.binary(min_size=16, max_size=16),
    }
)
inner_ciphertexts = st.binary(min_size=17, max_size=300) | st.binary(min_size=4112, max_size=4112)
outer_ciphertexts = st.builds(
    OuterSealed,
    ciphertext=inner_ciphertexts,
    iv=st.sampled_from([12, 16]).flatmap(lambda length: st.binary(min_size=length, max_size=length)),
    tag=st.binary(min_size=16, max_size=16),
    metadata=st.binary(max_size=20),
)
contexts = st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=6)


def encode(header: dict[str, object], body: bytes | OuterSealed) -> bytes:
    kind = BlobKind.EXTERNAL if isinstance(body, OuterSealed) else BlobKind.ORDINARY
    encoded = encode_header(kind, **header)  # type: ignore[arg-type]  # the strategy gives the parameters their types
    return encoded + (encode_external_body(body) if isinstance(body, OuterSealed) else body)


@few
@given(headers, inner_ciphertexts | outer_ciphertexts)
def test_a_blob_comes_apart_into_what_it_was_made_of(header: dict[str, object], body: bytes | OuterSealed) -> None:
    blob = encode(header, body)
    parsed = parse_blob(blob)
    assert parsed.header == blob[:HEADER_BYTES]
    assert parsed.body == body
    assert {name: getattr(parsed, name) for name in header} == header


@few
@given(headers, outer_ciphertexts, st.data())
def test_a_changed_blob_never_passes_for_the_same(
    header: dict[str, object], body: OuterSealed, data: st.DataObject
) -> None:
    blob = bytearray(encode(header, body))
    position = data.draw(st.integers(0, len(blob) - 1))
    blob[position] ^= data.draw(st.integers(1, 255))
    try:
        parsed = parse_blob(bytes(blob))
    except MalformedBlobError:
        return
    assert (parsed.header, parsed.body) != (encode(header, body)[:HEADER_BYTES], body)


@few
@given(contexts, contexts)
def test_two_contexts_share_a_canonical_form_only_if_they_are_equal(one: dict[str, str], other: dict[str, str]) -> None:
    assert (canonical_context(one) == canonical_context(other)) is (one == other)


@few
@given(contexts, st.randoms(use_true_random=False))
def test_a_context_s_order_does_not_matter(context: dict[str, str], source: object) -> None:
    pairs = list(context.items())
    source.shuffle(pairs)  # type: ignore[attr-defined]  # hypothesis hands over a random.Random
    assert canonical_context(dict(pairs)) == canonical_context(context)


@few
@given(contexts)
def test_a_canonical_form_holds_every_pair_in_order(context: dict[str, str]) -> None:
    rest = canonical_context(context)
    names: list[bytes] = []
    texts: list[bytes] = []
    while rest:
        for parts in (names, texts):
            end = 2 + int.from_bytes(rest[:2], "big")
            parts.append(rest[2:end])
            rest = rest[end:]
    assert all(one < other for one, other in pairwise(names))
    assert dict(zip((n.decode() for n in names), (t.decode() for t in texts), strict=True)) == context


@few
@given(
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=16, max_size=16),
    st.binary(max_size=200),
    st.binary(max_size=200),
    st.data(),
)
def test_the_inner_layer_opens_what_it_sealed_and_nothing_else(
    backing_key: bytes, derivation: bytes, plaintext: bytes, aad: bytes, data: st.DataObject
) -> None:
    inner = seal_inner(Secret(backing_key), derivation, plaintext, aad)
    assert len(inner) == len(plaintext) + 16
    assert open_inner(Secret(backing_key), derivation, inner, aad) == plaintext
    parts = [bytearray(part) for part in (backing_key, derivation, inner, aad + b"\x00")]
    part = data.draw(st.integers(0, 3))
    if part == 3:
        changed_aad = bytes(parts[3])
    else:
        changed_aad = aad
        bit = data.draw(st.integers(0, len(parts[part]) * 8 - 1))
        parts[part][bit // 8] ^= 1 << bit % 8
    with pytest.raises(InnerCiphertextError):
        open_inner(Secret(bytes(parts[0])), bytes(parts[1]), bytes(parts[2]), changed_aad)


@few
@given(
    st.sampled_from([KeyState.ENABLED, KeyState.DISABLED, KeyState.PENDING_DELETION]), st.sampled_from(ConnectionState)
)
def test_key_material_is_used_only_of_an_enabled_key_in_a_connected_store(
    state: KeyState, connection: ConnectionState
) -> None:
    key = replace(EXTERNAL_KEY, state=state)
    stores = CustomKeyStoreDirectory([replace(STORE, state=connection)])
    usable = state is KeyState.ENABLED and connection is ConnectionState.CONNECTED
    assert (effective_state(key, stores) is KeyState.ENABLED) is usable
    for operation in ("Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext"):
        assert operation in KEY_STATE_TABLE
        try:
            require_state(a_call(operation), key, stores)
            allowed = True
        except AwsError:
            allowed = False
        assert allowed is usable


@few
@given(st.sets(st.text(min_size=1, max_size=8), max_size=30), st.integers(1, 10))
def test_pages_put_together_are_the_whole_list(names: set[str], limit: int) -> None:
    remaining = sorted(names)
    seen: list[str] = []
    marker: str | None = None
    while True:
        page = page_of(remaining, limit=limit, marker=marker)
        assert len(page.names) <= limit
        seen += page.names
        marker = page.next_marker
        if marker is None:
            break
    assert seen == remaining
