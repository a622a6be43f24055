from __future__ import annotations

import pytest

from hyok.keymanagers.interface import Sealed
from hyok.keymanagers.transit.ciphertext import ForeignCiphertextError, compose_ciphertext, split_ciphertext

RECORDED = "vault:v1:xk1wCQKL+mA3P1ERuUUJalQggIRpIf+0vgGxqTMCEhAe"


def test_a_recorded_ciphertext_is_taken_apart_and_put_together_again() -> None:
    sealed = split_ciphertext(RECORDED, version=1, plaintext_bytes=len(b"hello"))
    assert (len(sealed.iv), len(sealed.ciphertext), len(sealed.tag)) == (12, 5, 16)
    assert compose_ciphertext(1, sealed) == RECORDED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        RECORDED.replace("v1", "v2"),
        RECORDED.replace("v1", "v11"),
        RECORDED[:-4],
        RECORDED + "AAAA",
        RECORDED.replace("+", "-"),
        RECORDED[:-1] + "é",
        "vault:v1:",
    ],
)
def test_another_ciphertext_than_was_asked_for_is_refused(text: str) -> None:
    with pytest.raises(ForeignCiphertextError):
        split_ciphertext(text, version=1, plaintext_bytes=5)


def test_a_version_is_written_as_a_plain_number() -> None:
    assert compose_ciphertext(4294967295, Sealed(b"", bytes(12), bytes(16))).startswith("vault:v4294967295:AAAA")
