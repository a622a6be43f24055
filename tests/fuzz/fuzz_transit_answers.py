"""Invariant: whatever a server answers is refused as a failure of the closed set, or read as what was asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hyok.keymanagers.errors import KeyManagerError
from hyok.keymanagers.transit.ciphertext import compose_ciphertext
from hyok.keymanagers.transit.wire import (
    Answer,
    DecryptItem,
    EncryptItem,
    decode_decrypted,
    decode_done,
    decode_encrypted,
    decode_health,
    decode_key,
    decode_key_names,
    decode_login,
    decode_token,
)

_STATUSES = (200, 204, 307, 400, 403, 404, 429, 500, 503)
_ITEMS = [EncryptItem(b"hello", b"", 1), EncryptItem(b"", b"", 2)]
_READERS: tuple[Callable[[Answer], object], ...] = (
    decode_key,
    decode_key_names,
    decode_login,
    decode_token,
    decode_health,
    decode_done,
)
_RECORDED = json.loads((Path(__file__).parents[1] / "vectors" / "openbao-transit.json").read_text())["exchanges"]
SEEDS = tuple(bytes([number % 9]) + json.dumps(each["response"]).encode() for number, each in enumerate(_RECORDED))


def fuzz_one(data: bytes) -> None:
    """Read an answer, whose status the first byte chooses, in every way there is."""
    answer = Answer("/v1/x", _STATUSES[data[0] % len(_STATUSES)] if data else 200, data[1:])
    for read in _READERS:
        with suppress(KeyManagerError):
            read(answer)
    for count in (1, 2):
        _read_batches(answer, count)


def _read_batches(answer: Answer, count: int) -> None:
    with suppress(KeyManagerError):
        for item, sealed in zip(_ITEMS, decode_encrypted(answer, _ITEMS[:count]), strict=False):
            if not isinstance(sealed, KeyManagerError):
                assert (len(sealed.ciphertext), len(sealed.iv), len(sealed.tag)) == (len(item.plaintext), 12, 16)
                assert compose_ciphertext(item.key_version, sealed).startswith(f"vault:v{item.key_version}:")
    with suppress(KeyManagerError):
        for plaintext in decode_decrypted(answer, [DecryptItem("", b"")] * count):
            assert isinstance(plaintext, bytes | KeyManagerError)
