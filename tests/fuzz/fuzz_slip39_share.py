"""Invariant: any text is a share that is written again as the same words, or one ShareError."""

from __future__ import annotations

import json
from pathlib import Path

from hyok.custody.slip39.errors import ShareError
from hyok.custody.slip39.share import decode_share, encode_share

_VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "slip-0039.json").read_text("utf-8"))
SEEDS = tuple(
    share.encode() for kind in ("valid", "invalid") for vector in _VECTORS[kind] for share in vector["shares"]
)


def fuzz_one(data: bytes) -> None:
    """Read, and write again what was accepted."""
    mnemonic = data.decode("utf-8", "replace")
    try:
        share = decode_share(mnemonic)
    except ShareError:
        return
    assert encode_share(share) == " ".join(mnemonic.casefold().split())
