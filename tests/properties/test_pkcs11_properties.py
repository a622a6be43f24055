"""Key ids and version marks of the PKCS#11 key manager."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyok.keymanagers.interface import KeyUsage
from hyok.keymanagers.pkcs11.key_names import (
    MAX_VERSION,
    VersionMark,
    decode_version_mark,
    encode_version_mark,
    id_form,
    parse_key_id,
)

MARKS = st.builds(
    VersionMark,
    st.integers(1, MAX_VERSION),
    st.frozensets(st.sampled_from(KeyUsage), min_size=1),
    st.integers(0, 2**32 - 1),
)


@settings(max_examples=200, derandomize=True)
@given(MARKS)
def test_a_version_mark_comes_back_as_it_was(mark: VersionMark) -> None:
    assert decode_version_mark(encode_version_mark(mark)) == mark


@settings(max_examples=300, derandomize=True)
@given(st.one_of(st.binary(max_size=20), MARKS.map(encode_version_mark)))
def test_only_what_hyok_writes_is_read_as_its_mark(key_id: bytes) -> None:
    mark = decode_version_mark(key_id)
    assert mark is None or encode_version_mark(mark) == key_id


@settings(max_examples=300, derandomize=True)
@given(st.one_of(st.text(max_size=300), st.binary(min_size=1, max_size=128).map(id_form)))
def test_a_key_id_names_one_thing_or_none(key_id: str) -> None:
    try:
        name = parse_key_id(key_id)
    except ValueError:
        return
    assert bool(name.label) is not bool(name.id)
    assert (name.label or id_form(name.id)) in (key_id, key_id.lower())


@settings(max_examples=100, derandomize=True)
@given(st.binary(min_size=1, max_size=128))
def test_every_object_id_has_a_key_id(object_id: bytes) -> None:
    assert parse_key_id(id_form(object_id)).id == object_id
    with pytest.raises(ValueError):
        parse_key_id(id_form(object_id) + "0")
