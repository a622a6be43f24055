from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyok.sha256 import BLOCK_BYTES, hmac_sha256, sha256


@given(st.binary(max_size=300))
def test_the_hash_is_that_of_the_standard_library_and_can_be_gone_on_with(content: bytes) -> None:
    state = sha256(content)
    assert state.digest() == hashlib.sha256(content).digest()
    state.update(b"more")
    assert state.hexdigest() == hashlib.sha256(content + b"more").hexdigest()
    assert sha256(b"").digest() == hashlib.sha256().digest()


@given(st.binary(max_size=BLOCK_BYTES), st.binary(max_size=300))
def test_hmac_is_that_of_the_standard_library(key: bytes, text: bytes) -> None:
    assert hmac_sha256(key, text) == hmac.digest(key, text, "sha256")


def test_a_key_of_more_than_a_block_is_not_cut_off_in_silence() -> None:
    with pytest.raises(ValueError, match="at most 64 bytes"):
        hmac_sha256(b"k" * (BLOCK_BYTES + 1), b"text")
