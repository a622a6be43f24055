from __future__ import annotations

import pytest

from hyok.awsjson.errors import AwsError
from hyok.kms.encryption_context import MAX_CANONICAL_BYTES, canonical_context


def test_no_context_and_an_empty_one_are_the_same() -> None:
    assert canonical_context(None) == canonical_context({}) == b""


def test_the_order_of_pairs_does_not_matter() -> None:
    assert canonical_context({"a": "1", "b": "2"}) == canonical_context({"b": "2", "a": "1"})


def test_the_canonical_form_never_changes() -> None:
    assert canonical_context({"name": "ü", "a": ""}) == b"\x00\x01a\x00\x00\x00\x04name\x00\x02\xc3\xbc"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": "bc"}, {"ab": "c"}),
        ({"a": "b"}, {"a": "B"}),
        ({"a": "b"}, {"A": "b"}),
        ({"a": ""}, {"": "a"}),
        ({"ü": "1"}, {"u\u0308": "1"}),
    ],
)
def test_different_contexts_stay_different(one: dict[str, str], other: dict[str, str]) -> None:
    assert canonical_context(one) != canonical_context(other)


def test_the_largest_context_fits_the_aad_of_every_proxy() -> None:
    largest = "v" * (MAX_CANONICAL_BYTES - 5)
    assert len(canonical_context({"n": largest})) == MAX_CANONICAL_BYTES
    with pytest.raises(AwsError, match="ValidationException: The encryption context is too large: 8150 bytes"):
        canonical_context({"n": largest + "v"})


def test_text_that_is_not_unicode_is_refused() -> None:
    with pytest.raises(AwsError, match=r"ValidationException: .*unpaired surrogate"):
        canonical_context({"a": "\ud800"})
